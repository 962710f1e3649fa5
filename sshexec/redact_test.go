package sshexec_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// printedForms are a secret as programs print it, by the program.
func printedForms(v string) map[string]string {
	inner := func(s string) string { return s[1 : len(s)-1] }
	j, _ := json.Marshal(v)
	var x bytes.Buffer
	_ = xml.EscapeText(&x, []byte(v))
	backslashed := strings.NewReplacer(`"`, `\"`, `$`, `\$`, " ", `\ `, "'", `\'`, "(", `\(`, ")", `\)`, `\`, `\\`, "\n",
		"\\\n", "\t", "\\\t", "`", "\\`")
	return map[string]string{
		"as it is": v, "upper case": strings.ToUpper(v), "lower case": strings.ToLower(v),
		"one letter in another case": strings.Replace(v, "a", "A", 1),
		"JSON":                       inner(string(j)), "Go": inner(fmt.Sprintf("%q", v)), "ASCII of Go": inner(fmt.Sprintf("%+q", v)),
		"Python": strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`).Replace(v),
		"XML":    x.String(), "libxml2": strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\n",
			"&#10;", "\t", "&#9;").Replace(v),
		"named":          strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", `'`, "&apos;").Replace(v),
		"query of a URL": url.QueryEscape(v), "path of a URL": url.PathEscape(v),
		"shell, doubled": "'" + strings.ReplaceAll(v, "'", `'"'"'`) + "'", "shell, closed": "'" + strings.ReplaceAll(v, "'", `'\''`) + "'",
		"$'…'":                  "$'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\t", `\t`).Replace(v) + "'",
		"backslashes":           backslashed.Replace(v),
		"between double quotes": strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(v),
		"hex":                   hex.EncodeToString([]byte(v)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(v))),
		"base64": base64.StdEncoding.EncodeToString([]byte(v)), "base64 of URLs": base64.RawURLEncoding.EncodeToString([]byte(v)),
		"on one line": strings.Join(strings.Fields(v), " "),
	}
}

var hardSecrets = []string{
	"pl4in-CANARY", `q"uo'te$(x)` + "`", "sp ace é ü ☃ [a-z]+.*", "two of\nlines-CANARY", `back\slash&<amp>%41`,
	"tab\tx and more", "café-decomposed e\u0301", "s0me/path+to=it?",
}

// Whatever a program makes of the password that it read, none of it is left.
func TestEveryFormInWhichAProgramPrintsASecretIsHidden(t *testing.T) {
	for _, v := range hardSecrets {
		hide := sshexec.Redactor(sshexec.Secret(v + "\n"))
		for name, form := range printedForms(v) {
			got := hide.String("BAD PASSWORD: >>" + form + "<< is too simple")
			got = strings.ReplaceAll(strings.ReplaceAll(got, "'[redacted]'", "[redacted]"), "$[redacted]", "[redacted]") // quotes may stay
			require.Equal(t, "BAD PASSWORD: >>[redacted]<< is too simple", got, "%q as %s", v, name)
		}
	}
}

// A secret inside of something longer that was encoded as a whole: "user:secret" of HTTP, a line of a file.
func TestASecretIsFoundWhereverItStandsInBase64(t *testing.T) {
	const secret = "pl4in-CANARY-x"
	hide := sshexec.Redactor(secret)
	for before := range 7 {
		for after := range 4 {
			plain := strings.Repeat("u", before) + secret + strings.Repeat("v", after)
			got := hide.String(base64.StdEncoding.EncodeToString([]byte(plain)))
			raw := strings.SplitN(got, "[redacted]", 2)
			require.Len(t, raw, 2, "%d before, %d after: %s", before, after, got)
			require.LessOrEqual(t, len(raw[0]), (before*8+5)/6, got)
			require.LessOrEqual(t, len(strings.TrimRight(raw[1], "=")), (after*8+5)/6+1, got)
		}
	}
}

func TestALineOfASecretIsHidden(t *testing.T) {
	hide := sshexec.Redactor("-----BEGIN PRIVATE KEY-----\n  bGluZS1vbmU\r\n\nline-two-CANARY\n-----END PRIVATE KEY-----\n")
	require.Equal(t, "key.pem:2: [redacted]\nkey.pem:4: [redacted]", hide.String("key.pem:2: bGluZS1vbmU\nkey.pem:4: line-two-CANARY"))
}

// An output is cut off somewhere, and the beginning of a secret is left.
func TestTheBeginningOfASecretIsHiddenWhereTextWasCutOff(t *testing.T) {
	const secret = "pl4in-CANARY-word"
	hide := sshexec.Redactor(secret)
	for n := 8; n < len(secret); n++ {
		for _, end := range []string{"", "\n", "\r\nmore", "…", "... (cut)", `"`, "'", "`", "</a>"} {
			require.Equal(t, "value [redacted]"+end, hide.String("value "+secret[:n]+end))
		}
		require.Equal(t, "value [redacted]", hide.String("value "+hex.EncodeToString([]byte(secret))[:2*n]))
	}
	require.Equal(t, "value pl4in-CANARY and", hide.String("value pl4in-CANARY and"), "a word that only begins alike")
	require.Equal(t, "value pl4in-C", hide.String("value pl4in-C"), "too little to tell")
}

// Of secrets that overlap nothing is left, in whatever order they are found.
func TestSecretsThatOverlap(t *testing.T) {
	hide := sshexec.Redactor("abcdefgh-1", "fgh-1-klmnop", "bcd-not-there", "cdefgh-1")
	require.Equal(t, "<[redacted]>", hide.String("<abcdefgh-1-klmnop>"))
	require.Equal(t, "<[redacted]>", hide.String("<abcdefgh-1abcdefgh-1>"))
}

// Against an oracle that needs no cleverness: whatever the text, no secret is in what is left, and nothing else is gone.
func TestRedactionLeavesEverythingButTheSecrets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[a-c&"\\']{8,12}`).Draw(t, "secret")
		hide := sshexec.Redactor(sshexec.Secret(secret))
		parts := rapid.SliceOf(rapid.SampledFrom([]string{secret, secret[:5], secret[3:], "xyz ", "x"})).Draw(t, "parts")
		text := strings.Join(parts, "x") + "x"
		got := hide.String(text)
		require.NotContains(t, got, secret)
		want := strings.ReplaceAll(text, secret, "[redacted]")
		if !strings.Contains(strings.ReplaceAll(want, "[redacted]", ""), secret[:5]+secret[:5]) {
			require.Equal(t, strings.Count(want, "xyz"), strings.Count(got, "xyz"))
		}
	})
}

func TestWeakSecretsAreReportedAndAreWordsInOurOwnText(t *testing.T) {
	for secret, weak := range map[sshexec.Secret]bool{
		"": false, "lustre": true, "x7!": true, "calvin": true, "hacluster": true, "Changeme": true, "PASSWORD": true,
		"pl4in-CANARY": false, "correcthorsebatterystaple": false, "camelCaseWord": false, "1234567": true, "12345678": false, "ééééééé": true,
	} {
		why := secret.Weakness()
		require.Equal(t, weak, why != "", "%q", secret.Reveal())
		if secret != "" {
			require.NotContains(t, why, secret.Reveal())
		}
	}
	hide := sshexec.Redactor("lustre", "pl4in-CANARY")
	require.Equal(t, "mount of lustre ([lustre:465]): [redacted]", hide.Own("mount of lustre ([lustre:465]): pl4in-CANARY"))
	require.Equal(t, "bad password [redacted] (see lustre:465): [redacted]", hide.String("bad password lustre (see lustre:465): pl4in-CANARY"))
	require.Equal(t, "login [redacted]:x:1", hide.String("login lustre:x:1"), "no guide's name")
	wide := sshexec.Redactor(" two  words-CANARY ")
	require.Equal(t, "<[redacted]> <[redacted]>", wide.String("<two words-CANARY> <two  words-CANARY>"),
		"white space run together, or cut off")
}

func TestAWeakSecretIsFoundInACommandAsAValueOnly(t *testing.T) {
	for arg, refused := range map[string]bool{"lustre": true, "passwd=lustre": true, "/mnt/lustre/x": false, "lustre-ha": false} {
		cmd := sshexec.Command(sshexec.ReadOnly, "echo", arg)
		cmd.Mask = []sshexec.Secret{"lustre"}
		require.Equal(t, refused, errors.Is(cmd.Validate(), sshexec.ErrSecretArg), arg)
		require.Equal(t, refused, strings.Contains(cmd.String(), "[redacted]"), cmd.String())
	}
}

// What a command that reads a secret says is bounded, and a document that cannot be looked for hides all of it.
func TestWhatIsKeptOfACommandThatReadsASecret(t *testing.T) {
	long := strings.Repeat("an output that nobody foresaw ", 1000)
	run := func(in sshexec.Input) *sshexec.CommandError {
		cmd := sshexec.Command(sshexec.Mutating, "cibadmin", "--xml-pipe")
		cmd.Stdin = in
		var ce *sshexec.CommandError
		require.ErrorAs(t, sshexec.Failure("h", cmd,
			sshexec.Result{Outcome: sshexec.Exited, ExitCode: 78, Stderr: []byte("bad value c4lvin-CANARY\n" + long)}, nil), &ce)
		return ce
	}
	document := sshexec.Secret(strings.Repeat(`<nvpair name="a" value="b"/>`, 1000))
	for name, in := range map[string]sshexec.Input{
		"a value":                sshexec.SecretText("c4lvin-CANARY"),
		"a document with values": sshexec.SecretDocument(document, "c4lvin-CANARY", "other-value"), "a document": sshexec.SecretText(document),
	} {
		ce := run(in)
		require.Equal(t, 78, ce.ExitCode)
		require.NotContains(t, ce.Stderr+ce.Error(), "CANARY", name)
		require.Less(t, len(ce.Stderr), 1200, name)
	}
	require.Contains(t, run(sshexec.SecretDocument(document, "c4lvin-CANARY")).Stderr, "bad value [redacted]\n")
	require.Equal(t, "[redacted]", run(sshexec.SecretText(document)).Stderr)
}

// A line without an end is handed on in parts, and none of them has a part of the secret.
func TestALongLineIsNotDividedInASecret(t *testing.T) {
	const secret = "pl4in-CANARY-word"
	for shift := range len(secret) + 1 {
		text := strings.Repeat("y", 64<<10-shift) + secret + "zz"
		cmd := sshexec.Command(sshexec.ReadOnly, "printf", "%s")
		cmd.Stdin, cmd.Mask = sshexec.SecretText(secret), []sshexec.Secret{"calvin"} // and a weak one beside it
		var seen strings.Builder
		cmd.Lines = func(l sshexec.Line) { seen.WriteString(l.Text) }
		cmd.Argv = []string{"/bin/sh", "-c", `head -c "$1" /dev/zero | tr '\0' y; cat; printf zz`, "sh", fmt.Sprint(64<<10 - shift)}
		_, err := sshexec.Local{}.Run(context.Background(), cmd)
		require.NoError(t, err)
		require.Equal(t, strings.ReplaceAll(text, secret, "[redacted]"), seen.String())
	}
}

func BenchmarkRedaction(b *testing.B) {
	hide := sshexec.Redactor(sshexec.Secret(strings.Repeat("ab", 60)+"-CANARY"), "pl4in-CANARY", `q"uo'te$(x)`)
	for _, n := range []int{1, 10} {
		for name, unit := range map[string]string{"text": "a line of an output that says nothing\n", "alike": "ab"} {
			text := strings.Repeat(unit, n*(1<<20)/len(unit))
			b.Run(fmt.Sprintf("%s/%dMiB", name, n), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					hide.String(text)
				}
			})
		}
	}
}

func BenchmarkRedactor(b *testing.B) {
	for b.Loop() {
		sshexec.Redactor("pl4in-CANARY", `q"uo'te$(x)`).String("x")
	}
}
