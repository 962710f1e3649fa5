// Package steps is what the CPS runbooks share: readings of a Linux machine and of what CPS prints, checks that say
// what must be there, and what the operator types who follows a runbook by hand.
package steps

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Checker judges what an action showed.
type Checker = func(evenkeel.Observed) error

// LastLine is the last line of a text that is not blank.
func LastLine(text []byte) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.TrimSpace(lines[len(lines)-1]))
}

// FailOn makes an error of the findings of severity Error.
func FailOn(list []cps.Finding) error {
	var errs []error
	for _, f := range list {
		if f.Severity == cps.Error {
			errs = append(errs, errors.New(f.String()))
		}
	}
	return errors.Join(errs...)
}

// OnRelease wants the installer and every one of these VMs on a release, as about.sh tells it.
func OnRelease(o *cps.About, vms cps.ClusterSet, release string) error {
	want, err := cps.ParseRelease(release)
	if err != nil {
		return err
	}
	if o.Installer == nil || !o.Installer.Equal(want) {
		err = fmt.Errorf("the installer is on %v, and not on %s", o.Installer, want)
	}
	return errors.Join(err, FailOn(o.CheckHalves(vms, want, want)))
}

// ShowsRelease is the same by hand: what about.sh shows of them.
func ShowsRelease(about sshexec.Cmd, vms cps.ClusterSet, release string) []evenkeel.Block {
	want := []string{"installer " + release}
	for _, vm := range vms {
		want = append(want, vm+" "+release)
	}
	slices.Sort(want)
	return Prints(about, "| releases | grep -v ^PATCH", want...)
}

// Soon makes a failed check one to be repeated.
func Soon(after time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return evenkeel.NotYet(after, "%v", err)
}

// DoneIf is the result of a probe that can tell both.
func DoneIf(done bool) evenkeel.ProbeResult {
	if done {
		return evenkeel.Done
	}
	return evenkeel.NotRun
}

// Proof asks what the probe of an action asks, once the action has run: a program that prints nothing may have done nothing.
func Proof(a evenkeel.Action, id, title string) evenkeel.Action {
	p := a.Probe
	return evenkeel.Action{
		ID: id, Paper: Again(slices.Clone(p.Paper)),
		Change: evenkeel.Change{
			Title: title, Ref: a.Ref, Host: a.Host, Cmd: p.Cmd, Limit: Briefly,
			Expect: evenkeel.Expect{Text: p.Text, Awaits: a.DropsConnection, Check: func(o evenkeel.Observed) error {
				result, err := p.Read(o)
				if err == nil && result != evenkeel.Done {
					err = evenkeel.NotYet(0, "it is not so after %q; expected: %s", a.Title, p.Text)
				}
				return err
			}},
		},
	}
}

// Output is what a command printed, under the name of the command.
func Output(name string, res sshexec.Result) io.Reader {
	return srcerr.Named(name, bytes.NewReader(res.Stdout))
}

// Prints is a look whose output, after the filter, must be these lines.
func Prints(cmd sshexec.Cmd, filter string, lines ...string) []evenkeel.Block {
	return []evenkeel.Block{{Script: strings.TrimSpace(evenkeel.Typed(cmd) + " " + filter), Shows: lines}}
}

// Again has the operator look until it shows.
func Again(blocks []evenkeel.Block) []evenkeel.Block {
	for i := range blocks {
		blocks[i].Until = true
	}
	return blocks
}

// Briefly is the limit of a command that does its work at once: after that it hangs, and is looked at.
const Briefly = 10 * time.Minute

// Brief is a command that does its work at once.
func Brief(c sshexec.Cmd) sshexec.Cmd { return WithTimeout(c, Briefly) }

// WithTimeout is a command with a bound on its time.
func WithTimeout(c sshexec.Cmd, d time.Duration) sshexec.Cmd {
	c.Timeout = d
	return c
}
