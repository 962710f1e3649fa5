package sshexec

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"al.essio.dev/pkg/shellescape"
)

// addForms adds the forms in which a value may be printed.
func addForms(to map[string]bool, v string) {
	add := func(forms ...string) {
		for _, f := range forms {
			if f != "" {
				to[f] = true
			}
		}
	}
	add(v, strings.ToUpper(v), strings.ToLower(v))
	if strings.ContainsFunc(v, func(r rune) bool { return r >= utf8.RuneSelf || !isAlphanumeric(byte(r)) && r != '-' && r != '_' }) {
		for _, forms := range [][]string{shellForms(v), escapedForms(v), markupForms(v), urlForms(v)} {
			add(forms...)
		}
	}
	add(hex.EncodeToString([]byte(v)), strings.ToUpper(hex.EncodeToString([]byte(v))))
	add(base64Forms(v)...)
}

func shellForms(v string) []string {
	forms := []string{
		shellescape.Quote(v),
		strings.ReplaceAll(v, `'`, `'"'"'`),
		strings.ReplaceAll(v, `'`, `'\''`),
		strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(v),            // inside of "…"
		strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(v),                        // likewise
		strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`", `!`, `\!`).Replace(v), // likewise, typed
	}
	// As printf %q prints it, and the same where letters beyond ASCII are left alone or a few signs more need none.
	for _, safe := range []string{"_@%+=:,./-", "_-", "_@%+=:,./-[]{}*?~^#!"} {
		var b strings.Builder
		for _, r := range v {
			if !strings.ContainsRune(safe, r) && r < utf8.RuneSelf && !isAlphanumeric(byte(r)) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
		forms = append(forms, b.String())
	}
	var few strings.Builder // only what splits or ends a word
	for _, r := range v {
		if strings.ContainsRune(" \t\"'\\$`()", r) {
			few.WriteByte('\\')
		}
		few.WriteRune(r)
	}
	return append(forms, few.String())
}

// escapedForms are those with escapes of C and of what comes from it: JSON, Go, Python, $'…'.
func escapedForms(v string) []string {
	inner := func(s string) string { return s[1 : len(s)-1] }
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // a text can be encoded
	withHTML, _ := json.Marshal(v)
	forms := []string{
		inner(strconv.Quote(v)), inner(strconv.QuoteToASCII(v)), inner(strings.TrimSpace(plain.String())), inner(string(withHTML)),
		inner(asciiJSON(plain.String())), strings.ReplaceAll(inner(strings.TrimSpace(plain.String())), "/", `\/`),
	}
	controls := []string{`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`, "\x1b", `\E`}
	forms = append(forms,
		strings.NewReplacer(controls...).Replace(v),
		strings.NewReplacer(append([]string{`'`, `\'`}, controls...)...).Replace(v),
		strings.NewReplacer(append([]string{`"`, `\"`}, controls...)...).Replace(v))
	var octal, hexed strings.Builder
	for _, b := range []byte(v) {
		switch {
		case b < ' ' || b >= 0x7f:
			fmt.Fprintf(&octal, `\%03o`, b)
			fmt.Fprintf(&hexed, `\x%02x`, b)
		case b == '\\' || b == '\'':
			octal.WriteString(`\` + string(b))
			hexed.WriteString(`\` + string(b))
		default:
			octal.WriteByte(b)
			hexed.WriteByte(b)
		}
	}
	return append(forms, octal.String(), hexed.String(), "$'"+octal.String()+"'")
}

// asciiJSON is a JSON text with every letter beyond ASCII escaped, as Python writes it.
func asciiJSON(text string) string {
	var b strings.Builder
	for _, r := range strings.TrimSpace(text) {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// markupForms are those of XML and HTML. Which signs are escaped, and how, differs between programs and between a text and an attribute.
func markupForms(v string) []string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(v)) // a buffer takes everything
	forms := []string{b.String(), html.EscapeString(v)}
	signs := []string{"&", "&amp;", "<", "&lt;", ">", "&gt;"}
	for _, more := range [][]string{
		{},
		{`"`, "&quot;"},
		{`"`, "&quot;", `'`, "&apos;"},
		{`"`, "&quot;", `'`, "&#39;"},
		{`"`, "&quot;", `'`, "&#x27;"},
		{`"`, "&quot;", "\n", "&#10;", "\t", "&#9;", "\r", "&#13;"},
		{`"`, "&quot;", `'`, "&apos;", "\n", "&#10;", "\t", "&#9;", "\r", "&#13;"},
		{`"`, "&quot;", "\n", "&#xA;", "\t", "&#x9;", "\r", "&#xD;"},
		{`"`, "&quot;", `'`, "&apos;", "\n", " ", "\t", " ", "\r", " "}, // an attribute as XML reads it
	} {
		forms = append(forms, strings.NewReplacer(append(more, signs...)...).Replace(v),
			strings.NewReplacer(append(more, "&", "&amp;", "<", "&lt;")...).Replace(v)) // a > needs no escape
	}
	var numeric strings.Builder // letters beyond ASCII as numbers, as libxml2 writes them for ASCII
	for _, r := range strings.NewReplacer(append(signs, `"`, "&quot;")...).Replace(v) {
		if r < utf8.RuneSelf {
			numeric.WriteRune(r)
		} else {
			fmt.Fprintf(&numeric, "&#x%X;", r)
		}
	}
	return append(forms, numeric.String())
}

func urlForms(v string) []string {
	forms := []string{url.QueryEscape(v), url.PathEscape(v), url.UserPassword("", v).String()[1:]}
	for _, safe := range []string{"-_.~", "-_.!~*'()", "-_.~/", "-_.!~*'();/?:@&=+$,#"} { // RFC 3986, encodeURIComponent, Python, encodeURI
		var b strings.Builder
		for _, c := range []byte(v) {
			if isAlphanumeric(c) || strings.IndexByte(safe, c) >= 0 {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		forms = append(forms, b.String())
	}
	return forms
}

// base64Forms are the value alone, and what is sure of it inside of a longer text, at each of the three places where it may begin.
func base64Forms(v string) []string {
	var forms []string
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		forms = append(forms, enc.EncodeToString([]byte(v)), enc.WithPadding('=').EncodeToString([]byte(v)))
		for before := range 3 {
			text := enc.EncodeToString(append(make([]byte, before), v...))
			from := (before*8 + 5) / 6      // digits that hold bits of what stands before
			to := (before + len(v)) * 8 / 6 // and of what follows
			if to-from >= shortestCut || to-from >= 4 && to-from >= len(v) {
				forms = append(forms, text[from:to])
			}
		}
	}
	return forms
}

func isAlphanumeric(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
}
