// Package steps is what runbooks share that rebuild a machine: a shutdown that is proven by the boot
// id, a file that comes onto a machine whole, and the operations of package backup as actions.
package steps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/infile"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// BootIDCommand prints the boot id of a machine.
func BootIDCommand() []string { return []string{"cat", sshexec.BootIDFile} }

// Boot reads the boot id into a fact.
func Boot(id string, fact evenkeel.Fact[string]) evenkeel.Action {
	a := evenkeel.Look(id, "Note the boot id", BootIDCommand()...)
	a.Makes = []evenkeel.Make{fact.From(BootID)}
	return a
}

// BootID is the boot id that was printed: a UUID.
func BootID(o evenkeel.Observed) (string, error) {
	if id := o.Text(); o.ExitCode == 0 && len(id) == 36 {
		return id, nil
	}
	return "", fmt.Errorf("no boot id: exit status %d, %q", o.ExitCode, o.Text())
}

// BootProbe tells whether a machine went down since the boot id was noted: it shows another one since. Silent is what
// it means that it does not answer.
func BootProbe(before evenkeel.Fact[string], silent evenkeel.ProbeResult) evenkeel.Probe {
	return evenkeel.Probe{
		Cmd:  sshexec.Command(sshexec.ReadOnly, BootIDCommand()...),
		Text: "it does not answer, or shows another boot id than $" + before.Variable(),
		Paper: []evenkeel.Block{{Script: "cat " + sshexec.BootIDFile + " | grep -vxF " + before.Ref() +
			" >/dev/null && echo restarted", Shows: []string{"restarted"}}},
		Silent: silent, Settle: 3 * time.Minute,
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			was, err1 := before.Get(o.Facts)
			is, err2 := BootID(o)
			switch err := errors.Join(err1, err2); {
			case err != nil:
				return evenkeel.Inconclusive, err
			case is == was:
				return evenkeel.NotRun, nil
			}
			return evenkeel.Done, nil
		},
	}
}

// Restore turns the operations of a restore into actions: each command, and right behind it a look for its proof; a
// package that is installed later may change a file again. The proof of an action has its ID and "-proof".
func Restore(ops []backup.Operation, keep func(backup.Group) bool) []evenkeel.Action {
	var actions []evenkeel.Action
	for i, o := range ops {
		if !keep(o.Group) {
			continue
		}
		a := evenkeel.Action{ID: fmt.Sprintf("%s-%d", o.Group, i+1),
			Change: evenkeel.Change{Title: o.Title, Ref: o.Ref, Note: o.Note, Cmd: o.Cmd, Repeat: o.Repeat}}
		if len(o.Proof) > 0 && o.Repeat != evenkeel.Idempotent {
			p := evenkeel.ExitProbe(o.Proof[0].Text, o.Proof[0].Cmd)
			a.Probe = &p
		}
		actions = append(actions, a)
		if len(o.Proof) > 0 && (i+1 == len(ops) || !sameProof(o, ops[i+1])) {
			actions = append(actions, proven(a, o.Proof[0]))
		}
	}
	return actions
}

// sameProof tells whether one look proves two operations.
func sameProof(a, b backup.Operation) bool {
	return len(b.Proof) > 0 && a.Proof[0].Cmd.Dir == b.Proof[0].Cmd.Dir && slices.Equal(a.Proof[0].Cmd.Argv, b.Proof[0].Cmd.Argv)
}

// proven is the look that wants an action to have taken effect, by the exit status of the proof.
func proven(done evenkeel.Action, p change.Proof) evenkeel.Action {
	a := evenkeel.Prove(done.ID+"-proof", "Verify that "+p.Text, p).From(done.Ref)
	a.Paper = []evenkeel.Block{{Script: evenkeel.Typed(p.Cmd) + " && echo it is so", Shows: []string{"it is so"}}}
	seen := a.Expect.Check
	return a.Expecting(p.Text, func(o evenkeel.Observed) error {
		if err := seen(o); err != nil {
			return fmt.Errorf("the command of %q succeeded, and nothing proves that it did it: %w. Type it by hand, and resume", done.Title, err)
		}
		return nil
	})
}

// Upload copies a file of the operator's machine onto a host and reads it back: one operation, so that a copy that did
// not arrive whole is made anew by a resume. What is the file in words; from, its path, and sum, its sha256 in
// hexadecimal, may be facts; into is the path on the host.
func Upload(id, title, what, host, from, sum, into string) evenkeel.Action {
	write := sshexec.PrivateFile(into)
	write.Stdin = sshexec.FileInput(from)
	return evenkeel.Action{
		ID: id, Paper: []evenkeel.Block{{Cmd: write},
			{Script: "sha256sum " + into + " | grep -c " + sum, Shows: []string{"1"}}},
		Change: evenkeel.Change{
			Title: title, Repeat: evenkeel.Idempotent,
			Op: &evenkeel.Op{
				Effect: evenkeel.Mutating, Cmds: evenkeel.Here(write),
				Text: "Copy " + from + " to " + into + " on " + host + "; the sha256 of the copy is " + sum + ".",
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					file, err1 := at.Facts.Expand(from)
					want, err2 := at.Facts.Expand(sum)
					target, err3 := at.Facts.Expand(into)
					if err := errors.Join(err1, err2, err3); err != nil {
						return sshexec.Result{}, err
					}
					cmd := sshexec.PrivateFile(target)
					cmd.Stdin = sshexec.FileInput(file)
					if res, err := at.Run(ctx, at.Host, cmd); err != nil {
						return res, err
					}
					res, err := at.Run(ctx, at.Host, SHA256Sum(target))
					if err == nil && Sum(res) != want {
						err = fmt.Errorf("the copy is not the %s: its sha256 is %q, not %s", what, Sum(res), want)
					}
					return res, err
				},
			},
		},
	}
}

// Rename gives a file, uploaded as PATH.part, its name: done where the file of that name has the sha256, which may be a
// fact.
func Rename(id, what, target, sum string) evenkeel.Action {
	return evenkeel.Do(id, "Give it its name", "mv", "-T", target+".part", target).Probed(evenkeel.Probe{
		Cmd: SHA256Sum(target), Text: "the file has the " + what + "'s digest",
		Paper: []evenkeel.Block{{Script: "sha256sum " + target + " | grep -c " + sum, Shows: []string{"1"}}},
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			want, err := o.Facts.Expand(sum)
			if err == nil && Sum(o.Result) == want {
				return evenkeel.Done, nil
			}
			return evenkeel.NotRun, err
		},
	})
}

// SHA256Sum prints the digest of a file.
func SHA256Sum(path string) sshexec.Cmd {
	return sshexec.Command(sshexec.ReadOnly, "sha256sum", path)
}

// Sum is the digest that sha256sum printed.
func Sum(res sshexec.Result) string {
	sum, _, _ := strings.Cut(res.Text(), " ")
	return sum
}

// Digest is the sha256 of a file of the operator's machine, in hexadecimal.
func Digest(path string) (string, error) {
	f, err := infile.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
