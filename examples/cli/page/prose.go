package page

import (
	"bytes"
	"html/template"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/util"

	"github.com/evenkeel-ha/evenkeel"
)

// markdown knows paragraphs, lists, tables, emphasis and code: no link, no image, no HTML, whatever stands in a text.
var markdown = goldmark.New(
	goldmark.WithParser(parser.NewParser(
		parser.WithBlockParsers(
			util.Prioritized(parser.NewListParser(), 300),
			util.Prioritized(parser.NewListItemParser(), 400),
			util.Prioritized(parser.NewParagraphParser(), 1000),
		),
		parser.WithInlineParsers(
			util.Prioritized(parser.NewCodeSpanParser(), 100),
			util.Prioritized(parser.NewEmphasisParser(), 500),
		),
	)),
	goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
)

// render makes HTML of prose.
func render(p evenkeel.Prose) (template.HTML, error) {
	var b bytes.Buffer
	err := markdown.Convert([]byte(p), &b)
	return template.HTML(b.String()), err //nolint:gosec // goldmark escapes, and writes no HTML of the text's
}
