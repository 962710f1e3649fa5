package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// fenceCanaries are parameters of a fence device that hold a secret: by names that tell of it, and by one that nobody knows.
var fenceCanaries = []string{"ipmi_pw", "snmp_auth_password", "x_unknown_secret", "enrolment", "passwd_script"}

// pairOfCanaries is a folder with a pair that people made, whose fence devices have a secret in each of those, as secret makes them.
func pairOfCanaries(t *testing.T, secret func(name string) string) string {
	t.Helper()
	dir := pairFiles(t, "zfs-groups-cib.xml")
	for _, node := range []string{"ct6-mds1", "ct6-mds2"} {
		passwd := `value="xyzzy-` + node + `-plugh"/>`
		planted := passwd
		for i, name := range fenceCanaries {
			planted += fmt.Sprintf(`<nvpair id="fence-%s-x%d" name="%s" value="%s"/>`, node, i, name, secret(name))
		}
		clitest.EditFile(t, filepath.Join(dir, "cib.xml"), passwd, planted)
	}
	return dir
}

// No parameter of a fence device that may hold a secret is in anything that the tool prints or writes, whatever it is called.
func TestCanariesOfFenceDevices(t *testing.T) {
	var secrets []string
	for _, name := range fenceCanaries {
		secrets = append(secrets, name+`-x7"Q&'-CANARY`)
	}
	escape := strings.NewReplacer("&", "&amp;", `"`, "&quot;")
	clitest.Canaries{
		App: app, Dir: pairOfCanaries(t, func(name string) string { return escape.Replace(name + `-x7"Q&'-CANARY`) }),
		Secrets: secrets, Planted: []string{"*.tgz", "cib.xml"},
		Fail: map[string]func(sshexec.Cmd, string) bool{"the command of a fence device": clitest.OfFencing,
			"a command without input": clitest.WithoutInput},
	}.Run(t)
}

// A word that anybody could guess is masked nowhere but where it is known to be a secret: of a fence device, by its place. What an
// operator needs of it is shown.
func TestWeakCanariesOfFenceDevices(t *testing.T) {
	word := func(w string) func(string) string {
		return func(name string) string { return strings.ReplaceAll(name, "_", "") + w }
	}
	one, two := pairOfCanaries(t, word("canary")), pairOfCanaries(t, word("kanary"))
	for _, args := range [][]string{
		{"diff", filepath.Join(one, "cib.xml"), filepath.Join(two, "cib.xml")},
		{"diff", "--json", filepath.Join(one, "cib.xml"), filepath.Join(two, "cib.xml")},
		{"inspect", filepath.Join(one, "cib.xml")}, {"inspect", "-o", "json", filepath.Join(one, "cib.xml")},
		{"plan", "--dir", one, "-o", "text"}, {"plan", "--dir", one, "-o", "markdown"}, {"plan", "--dir", one, "-o", "html"}, {"plan", "--dir", one, "-o", "json"},
	} {
		var out bytes.Buffer
		a := app()
		a.Stdout, a.Stderr, a.Stdin = &out, &out, strings.NewReader("")
		require.Contains(t, []int{cli.ExitDone, cli.ExitFailed}, a.Main(args), "%q: %s", args, out.String())
		for _, name := range fenceCanaries {
			require.NotContains(t, out.String(), word("canary")(name), "%q", args)
			require.NotContains(t, out.String(), word("kanary")(name), "%q", args)
		}
		if args[0] == "diff" {
			require.Contains(t, out.String(), "enrolment")
		}
	}
}
