package cps_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

// inputFile is a file that is read and written again.
type inputFile struct {
	sample string
	secret string // a line that holds a secret
	parse  func(io.Reader) (io.WriterTo, error)
}

func reading[T io.WriterTo](parse func(io.Reader) (T, error)) func(io.Reader) (io.WriterTo, error) {
	return func(r io.Reader) (io.WriterTo, error) { return parse(r) }
}

func inputFiles(t testing.TB) map[string]inputFile {
	t.Helper()
	return map[string]inputFile{
		"list":        {"# x\nSESSION-SET1\n#evenkeel#SPR-SET1\n", "password=canary", reading(cps.ParseSetList)},
		"script":      {fixture(t, "build_etc.sh"), "SESSION-SET1 password=canary", reading(cps.ParseSetScript)},
		"logback":     {fixture(t, "logback/saved/etc/broadhop/logback.xml"), "<password>canary</x>", reading(cps.ParseLogback)},
		"install.cfg": {"INSTALL_TYPE=mobile\nSKIP_CARBONDB=1\n", "PASSWORD=a canary", reading(cps.ParseInstallConfig)},
		"routes":      {"10.1.0.0/16 via 192.0.2.1 dev eth1\n", "password canary", reading(cps.ParseRoutes)},
		"user data":   {fixture(t, "pcrfclient02-cloud.cfg"), "password: [canary", reading(cps.ParseUserData)},
		"vlans":       {fixture(t, "deploy/Vlans.csv"), "password,\"canary", reading(cps.ParseVLANs)},
		"additional":  {fixture(t, "deploy/AdditionalHosts.csv"), "password,x,password=canary", reading(cps.ParseAdditionalHosts)},
		"specs":       {fixture(t, "deploy/VMSpecification.csv"), "r,p,password=canary", reading(cps.ParseVMSpecs)},
		"config":      {fixture(t, "deploy/Configuration.csv"), "hv_passwd_0000,canary", reading(cps.ParseConfiguration)},
		"hosts":       {fixture(t, "deploy/Hosts.csv"), "password,password=canary", reading(cps.ParseHosts)},
	}
}

// Whatever is done to a file, it is read and written again byte for byte, or refused with a place, and no secret is in the refusal.
func TestOddInputFiles(t *testing.T) {
	every := func(sep, latest string) func(string) string {
		return func(s string) string { return strings.ReplaceAll(s, sep, latest) }
	}
	at := func(part func(s string, middle int) string) func(string) string {
		return func(s string) string { return part(s, strings.IndexByte(s[len(s)/2:], '\n')+len(s)/2+1) }
	}
	insert := func(text string) func(string) string {
		return at(func(s string, m int) string { return s[:m] + text + s[m:] })
	}
	odd := map[string]func(string) string{
		"as it is": func(s string) string { return s }, "CRLF": every("\n", "\r\n"), "CR": every("\n", "\r"), "CR CR LF": every("\n", "\r\r\n"),
		"BOM": func(s string) string { return "\ufeff" + s }, "two BOMs": func(s string) string { return "\ufeff\ufeff" + s },
		"BOM within": insert("\ufeff"), "UTF-16": func(s string) string { return "\xff\xfe" + s }, "NUL": insert("\x00"),
		"Latin-1": insert("# caf\xe9\n"), "UTF-8": insert("# café \u202e\n"), "line separator": insert("\u2028"), "form feed": insert("\f\n"),
		"blank lines": every("\n", "\n\n \t\n"), "trailing blanks": every("\n", " \t\n"), "leading blanks": every("\n", "\n \t"),
		"no-break space": every(" ", "\u00a0"), "tabs": every(" ", "\t"),
		"no last line end": func(s string) string { return strings.TrimRight(s, "\n") },
		"empty":            func(string) string { return "" }, "twice": func(s string) string { return s + s },
		"blank": func(string) string { return " \n\t\n" },
		"cut":   func(s string) string { return s[:len(s)/2] }, "cut short": func(s string) string { return s[:1] },
		"without its head": func(s string) string { return s[len(s)/3:] }, "a quote": insert("\""), "nested quotes": insert("\"a'b\"\"c'\n"),
		"a comma": insert(","), "commas": insert(",,,,,,,,,,,,\n"), "an equals sign": insert("=\n"), "a comment": insert("# \"x\n"),
		"a fence": insert("```\n"), "a prompt": insert("[root@cluman ~]# cat x\n"), "a backslash": insert("\\\n"),
		"an escape":   insert("\x1b[31m"),
		"a huge line": insert("# " + strings.Repeat("x", 1<<16) + "\n"), "a huge word": insert(strings.Repeat("x", 1<<16) + "\n"),
		"many lines": insert(strings.Repeat("# x\n", 1<<13)), "many commas": insert(strings.Repeat(",", 1<<13) + "\n"),
		"a bracket": insert("<"), "an entity": insert("&x;"), "CDATA": insert("<![CDATA[x]]>"), "a double key": at(func(s string, m int) string {
			line := s[strings.LastIndexByte(s[:m-1], '\n')+1 : m]
			return s[:m] + line + s[m:]
		}), "lower case": strings.ToLower, "upper case": strings.ToUpper, "reversed lines": func(s string) string {
			lines := strings.SplitAfter(s, "\n")
			for i := range len(lines) / 2 {
				lines[i], lines[len(lines)-1-i] = lines[len(lines)-1-i], lines[i]
			}
			return strings.Join(lines, "")
		},
	}
	tried, refused := 0, 0
	for kind, f := range inputFiles(t) {
		try := func(name, in string) {
			tried++
			w, err := f.parse(text("f", in))
			if err != nil {
				refused++
				var pe *cps.ParseError
				require.ErrorAs(t, err, &pe, "%s, %s", kind, name)
				require.NotContains(t, fmt.Sprintf("%v %+v", err, err), "canary", "%s, %s", kind, name)
				require.True(t, pe.File == "f" && (pe.Line > 0 || errors.Is(err, pe.Err)), "%s, %s: %v", kind, name, err)
				return
			}
			if name == "a fence" || name == "a prompt" { // what a document or a terminal adds is no part of a table
				return
			}
			require.Equal(t, in, printed(t, w), "%s, %s", kind, name)
		}
		for name, change := range odd {
			try(name, change(f.sample))
			try(name, change(f.sample+f.secret+"\n"))
			try(name, change(change(f.sample)))
		}
		_, err := f.parse(nil)
		require.Error(t, err)
		_, err = f.parse(text("f", f.sample))
		require.NoError(t, err, kind)
	}
	t.Logf("%d inputs, %d refused", tried, refused)
	require.Greater(t, tried, 1000)
}
