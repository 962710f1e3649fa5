package evenkeel

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// forged are texts that would be something else in Markdown, in HTML or on a terminal.
var forged = []string{
	"M\n## Forged", "M\n# Forged\n", "M\nForged\n====", "M\nForged\n----", "M<img src=x onerror=alert(1)>",
	"M](javascript:alert(1)) ![x](http://evil/x.png)", "[x]: http://evil", "M|a|b",
	"M\n```\n## Forged\n```", "M```", "`M", "``<img src=x>`", "`<img src=x>", `\<img src=x>`, `\![x](http://evil/x.png)`,
	"M\n> Forged", "M\n~~~\n", "M\x1b[31mRED", "M\u009b31m", "M\u202eGSM", "MGS\u200b", "M\r## Forged", "M\u2028## Forged",
	"</details><script>alert(1)</script>", "M&#10;## x &lt;img>", "M⟪x⟫",
}

var (
	fenceLine = regexp.MustCompile("^\\s*(`{3,})")
	oneTick   = regexp.MustCompile("`[^`\n]+`")
)

// structure is what is left of Markdown when code is taken out: what a reader would take for the document's own.
func structure(t *testing.T, markdown string) string {
	var out []string
	open := ""
	for line := range strings.Lines(markdown) {
		m := fenceLine.FindStringSubmatch(strings.TrimLeft(line, "> "))
		switch {
		case open == "" && m != nil:
			open = m[1]
		case open != "" && m != nil && len(m[1]) >= len(open) && strings.Trim(strings.TrimSpace(line), "`") == "":
			open = ""
		case open == "":
			line = regexp.MustCompile("`` [^\n]*? ``|``` [^\n]*? ```|```` [^\n]*? ````").ReplaceAllString(line, "")
			out = append(out, oneTick.ReplaceAllString(strings.ReplaceAll(line, "\\`", ""), ""))
		}
	}
	require.Empty(t, open, "a fence is not closed:\n%s", markdown)
	return strings.Join(out, "")
}

// Nothing that comes from a file or a machine makes a heading, a link, an image, HTML or the end of a block, wherever
// it stands in the runbook.
func TestForgedMarkdown(t *testing.T) {
	for _, bad := range forged {
		text := bad
		if strings.ContainsAny(bad, "⟪") {
			text = "M"
		}
		cmd := sshexec.Command(sshexec.Mutating, "echo", text)
		probe := &Probe{Cmd: sshexec.Command(ReadOnly, "look", text), Text: text, Read: func(Observed) (ProbeResult, error) { return Done, nil }}
		rb := &Runbook{
			Name: "n", Title: bad, Intro: bad, Inputs: []Input{{Name: bad, SHA256: bad}}, Version: bad, LeaseHosts: []string{bad},
			Invariants: []Invariant{{ID: bad, Title: bad, Check: nil}},
			Steps: []Step{
				{ID: "s", Title: bad, Host: bad, Ref: bad, Why: bad, Parallel: bad, Irreversible: bad,
					Opens: []Window{{ID: bad, Invariant: bad, Reason: bad}}, Closes: []string{bad},
					Actions: []Action{{ID: "a",
						Change: Change{Title: bad, Host: bad, Ref: bad, Note: bad, Cmd: cmd, Expect: Expect{Text: text},
							Repeat: ProbeFirst, Probe: probe}}, {ID: "m", Manual: text, Change: Change{Title: bad}}}},
				{ID: "h", Title: "h", Host: "h", Harmless: bad, Undo: nil,
					Actions: []Action{{ID: "o", Change: Change{Title: "o", Op: &Op{Effect: Mutating, Text: text, Cmds: Here(cmd)}}}}},
			},
		}
		var md, short strings.Builder
		require.NoError(t, rb.Markdown(&md))
		require.NoError(t, rb.Text(&short))
		all := md.String() + short.String()
		for _, r := range []string{"\x1b", "\u009b", "\u202e", "\u200b", "\r", "\u2028"} {
			require.NotContains(t, all, r, "%q", bad)
		}
		got := structure(t, md.String())
		for _, re := range []string{`(?m)^#+ Forged`, `(?m)^(=+|-+)$`, `(^|[^\\])<(img|script)`, `(^|[^\\])!\[x\]\(`,
			`(^|[^\\])\]\([^#]`, `[^\\]://evil`, `(?m)^\[x\]:`} {
			require.NotRegexp(t, re, got, "%q in\n%s", bad, md.String())
		}
		if strings.Contains(bad, "> Forged") {
			require.NotRegexp(t, `(?m)^(> )?> Forged`, got, "%q", bad)
		}
		require.LessOrEqual(t, strings.Count(got, "</details>")-strings.Count(got, `\</details>`), strings.Count(got, "<details>"), "%q", bad)
		require.NotRegexp(t, `(?m)^\s*## Forged`, short.String())
	}
}

// Markdown of our own stays: code between backticks, emphasis, lists, tables.
func TestProseKeepsOurOwnMarkdown(t *testing.T) {
	for _, own := range []string{"By hand, with `pcs property set --node NODE name=value …`: the agent *last*",
		"| a | b |\n|---|---|\n| 1 | 2 |", "- one\n- two_three", "1. first", "a:b, a && b, 50 %"} {
		require.Equal(t, own, prose(own))
	}
	require.Equal(t, "see http\\://x, \\<logger/>, \\[WARN\\]", prose("see http://x, <logger/>, [WARN]"))
}

// A command with what cannot be seen is shown so that typing it gives the same bytes.
func TestAnArgumentThatCannotBeSeen(t *testing.T) {
	got := Typed(sshexec.Command(sshexec.Mutating, "echo", "a'b\\\u202e\x1b[1m", "plain word"))
	require.Equal(t, `echo $'a\'b\\\xe2\x80\xae\x1b[1m' 'plain word'`, got)
	res, err := sshexec.Local{}.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, "bash", "-c", "printf %s "+strings.Split(got, " ")[1]))
	require.NoError(t, err)
	require.Equal(t, "a'b\\\u202e\x1b[1m", string(res.Stdout))
}
