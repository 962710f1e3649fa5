package live

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// Change makes a change of an operation of the cluster's tools: c says what is needed, what proves it, and its limit.
// What the operation asks for is the password of hacluster, which nothing shows.
func (l Cluster) Change(o pcs.Operation, c change.Change) change.Change {
	c.Title, c.Host, c.Ref, c.Note, c.Repeat = o.Name, o.Node, o.Ref, o.Why, o.Repeat
	c.Cmd = o.Cmd(l.Password)
	if l.Password != "" && o.Asks == "" {
		c.Cmd.Mask = append(c.Cmd.Mask, l.Password)
	}
	cmd := c.Cmd
	c.Expect = change.Expect{Text: "no sign that it failed", Check: func(seen change.Observed) error { return verdict(o, cmd, seen) }}
	return c
}

// verdict is what a command that came to its end says of itself.
func verdict(o pcs.Operation, cmd sshexec.Cmd, seen change.Observed) error {
	hide := cmd.Redaction()
	meaning := o.Runs().Meaning()
	meaning.Command = cmp.Or(meaning.Command, cmd.Argv[0])
	failed := meaning.Judge(seen.ExitCode, hide.String(string(seen.Stdout)+"\n"+string(seen.Stderr)))
	if failed == nil {
		return nil
	}
	// Only what stands on standard error: on the other one cibadmin prints the whole CIB that it refused, with the passwords in it.
	return fmt.Errorf("%w: %s", failed, complaint(hide.String(string(seen.Stderr))))
}

// proof is a question by an operation that only looks.
func proof(look pcs.Operation, text string, check func(answer) error) change.Proof {
	return change.Proof{Host: look.Node, Cmd: look.Cmd(""), Limit: look.Meaning().Limit, Text: text,
		Check: func(o change.Observed) error { return check(answer{o, look}) }}
}

// answer is what a look that came to its end said.
type answer struct {
	change.Observed
	look pcs.Operation
}

func notYet(format string, args ...any) error { return change.NotYet(0, format, args...) }

// text is all of the answer, for [pcs.Meaning.Judge].
func (a answer) text() string { return string(a.Stdout) + "\n" + string(a.Stderr) }

// failure is what the exit status means; nil for 0.
func (a answer) failure() error { return a.look.Meaning().Judge(a.ExitCode, a.text()) }

// cib is the answer to [pcs.QueryCIB]. [pacemaker.ErrClusterDown] says that there is nobody to ask.
func (a answer) cib() (*pacemaker.CIB, error) {
	if err := a.failure(); err != nil {
		return nil, err
	}
	return pacemaker.ParseLiveCIB(bytes.NewReader(a.Stdout))
}

// status is the answer to [pcs.Dialect.QueryStatus]. [pacemaker.ErrClusterDown] says that there is nobody to ask.
func (a answer) status() (*pacemaker.Status, error) {
	if err := a.failure(); err != nil {
		return nil, err
	}
	st, err := pacemaker.ParseStatus(bytes.NewReader(a.Stdout))
	if err == nil && len(st.Nodes) == 0 {
		return nil, notYet("crm_mon shows no node, not even its own")
	}
	return st, err
}

// complaint is what a tool says is wrong: of pcs all that it calls an error, but for the line that says no more than
// that there were errors; else the last line.
func complaint(stderr string) string {
	var errs []string
	for line := range strings.Lines(printable.Plain(stderr)) {
		if what, is := strings.CutPrefix(strings.TrimSpace(line), "Error: "); is && !strings.HasPrefix(what, "Errors have occurred") {
			errs = append(errs, what)
		}
	}
	if len(errs) == 0 {
		return lastOf(stderr)
	}
	return strings.Join(errs, "; ")
}

// lastOf is the last line of an output that says anything.
func lastOf(output string) string {
	lines := strings.Split(strings.TrimSpace(printable.Plain(output)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
