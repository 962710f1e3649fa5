package upgrade_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

type hostsFunc func(string) (sshexec.Runner, error)

func (f hostsFunc) Runner(h string) (sshexec.Runner, error) { return f(h) }

// told is everything that a run tells: its error, its events and its journal.
func (p *play) told(t *testing.T) string {
	var b strings.Builder
	p.watch = func(e evenkeel.Event) { b.WriteString(e.Text + "\n") }
	if err := p.run(); err != nil {
		b.WriteString(err.Error() + "\n")
	}
	raw, err := json.Marshal(p.journal.Records())
	require.NoError(t, err)
	return b.String() + string(raw)
}

// The fencing passwords: cibadmin refuses the change, and says which line it did not like.
func TestFencingPasswordsInTheErrorOfCibadmin(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for name, says := range map[string]func(line string) string{
		"the line":       func(line string) string { return "Update does not conform to the configured schema\n" + line },
		"the value":      func(string) string { return "cib_modify: bad value calvin" },
		"cut off behind": func(line string) string { return "-:1: parser error\n" + line[:strings.Index(line, "calvin")+6] },
	} {
		p := s.play(t)
		p.hosts = hostsFunc(func(host string) (sshexec.Runner, error) {
			r, err := p.w.Runner(host)
			return sshexec.RunnerFunc(func(ctx context.Context, c sshexec.Cmd) (sshexec.Result, error) {
				if c.Argv[0] == "/bin/sh" { // the start of a job reads its input once
					return r.Run(ctx, c)
				}
				if f, err := c.Stdin.Open(); err == nil && c.Stdin.Path() == "" {
					raw, _ := io.ReadAll(f)
					for line := range strings.Lines(strings.ReplaceAll(string(raw), "><", ">\n<")) {
						if strings.Contains(line, "calvin") {
							res := sshexec.Result{Outcome: sshexec.Exited, ExitCode: 1, Stderr: []byte(says(line))}
							return res, sshexec.Failure(host, c, res, nil)
						}
					}
				}
				return r.Run(ctx, c)
			}), err
		})
		told := p.told(t)
		require.Contains(t, told, "[redacted]", name)
		require.NotContains(t, told, "calvin", name)
	}
}

// A fencing password was changed by hand since the backup: the difference is told, the passwords are not.
func TestAFencingPasswordInADifference(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	p := s.play(t)
	p.hosts = hostsFunc(func(host string) (sshexec.Runner, error) {
		r, err := p.w.Runner(host)
		return sshexec.RunnerFunc(func(ctx context.Context, c sshexec.Cmd) (sshexec.Result, error) {
			res, err := r.Run(ctx, c)
			res.Stdout = bytes.ReplaceAll(res.Stdout, []byte(`"calvin"`), []byte(`"CANARY-new"`))
			return res, err
		}), err
	})
	told := p.told(t)
	require.Contains(t, told, "0_fence_password differs")
	require.NotContains(t, told, "calvin")
	require.NotContains(t, told, "CANARY-new")
}

// The lab's password is a word: it is told to be weak, and every word of ours stays.
func TestAPasswordThatIsAWord(t *testing.T) {
	s := newScene(t, lustretest.Options{}, func(c *upgrade.Config) { c.Password = "lustre" })
	var b strings.Builder
	require.NoError(t, s.book.Markdown(&b))
	require.NoError(t, s.book.Text(&b))
	require.NotContains(t, b.String(), "[redacted]")
	require.Contains(t, b.String(), "lustre:465")
	require.Contains(t, b.String(), "the password given for hacluster is weak: it is shorter than 8 characters")
	require.NotEmpty(t, s.book.WeakSecrets())
}

// SSH-005: wherever the old configuration holds what may be a secret, no rendered runbook shows it, nor what a run tells: not only by the
// name of a setting, but for what a fence device is told, and for passwords in options and addresses.
func TestNoSecretOfTheConfigurationIsSeen(t *testing.T) {
	for _, secret := range []string{"CANARY-%d", "qwfpg"} { // the second is weak: it is masked by its place alone, and not wherever it stands
		seeNoSecret(t, "guide", lustretest.GuideSite(pcs.V09), secret)
		seeNoSecret(t, "by hand", lustretest.LdiskfsByHand(pcs.V09), secret)
	}
}

func seeNoSecret(t *testing.T, kind string, site *lustretest.Site, secret string) {
	t.Helper()
	canaries := 0
	pair := func(name, value string) string {
		canaries++
		value = strings.ReplaceAll(value, "CANARY", strings.ReplaceAll(secret, "%d", strconv.Itoa(canaries)))
		return fmt.Sprintf(`<nvpair id="canary-%d" name="%s" value="%s"/>`, canaries, name, value)
	}
	behind := func(mark, more string) {
		require.Contains(t, site.CIB, mark, kind)
		site.CIB = strings.Replace(site.CIB, mark, mark+more, 1)
	}
	set := func(id, pairs string) string {
		return `<instance_attributes id="` + id + `">` + pairs + `</instance_attributes>`
	}
	behind(`<cluster_property_set id="cib-bootstrap-options">`,
		pair("proxy", "http://user:CANARY@proxy.example:8080/")+pair("extra", "-U root --password CANARY"))
	told := set("fence-canaries", pair("enrolment", "CANARY")+pair("passwd_script", "CANARY")+pair("ip", "bmc1"))
	if kind == "guide" {
		const device = `id="st-fencing" type="fence_chroma"`
		site.CIB = strings.Replace(site.CIB, device+`/>`, device+`>`+told+`</primitive>`, 1)
		behind(`<instance_attributes id="nodes-ct6-mds1">`, pair("0_fence_enrolment", "CANARY"))
		behind(`<meta_attributes id="MGS_32834e-meta_attributes">`, pair("note", "password=CANARY"))
	} else {
		behind(`id="fence-ct6-mds1" type="fence_ipmilan">`, told)
	}
	s := newScene(t, lustretest.Options{Site: site}, func(c *upgrade.Config) {
		if c.Atomic = true; kind != "guide" { // by commands, a secret property is refused: it would be an argument
			ownRepos(c)
		}
	})
	var b strings.Builder
	require.NoError(t, s.book.Markdown(&b))
	require.NoError(t, s.book.Text(&b))
	told = b.String() + strings.Join(s.pair.Notes, "\n") + s.play(t).told(t)
	require.NotContains(t, told, strings.TrimSuffix(secret, "%d"), kind)
	require.GreaterOrEqual(t, canaries, 5)
}
