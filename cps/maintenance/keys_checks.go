package maintenance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// public are the public keys of a set.
func (k *keys) public(s keySet) []string {
	return []string{s.root + "/" + k.cfg.KeyFile + ".pub", s.qns + "/" + k.cfg.KeyFile + ".pub"}
}

// private is a set's private key of a user.
func (k *keys) private(s keySet, user string) string {
	return map[string]string{"root": s.root, "qns": s.qns}[user] + "/" + k.cfg.KeyFile
}

var keyUsers = []string{"root", "qns"}

// sums are those of the public keys of a set, "ROOT,QNS".
func (k *keys) sums(s keySet) func(evenkeel.Observed) (string, error) {
	return func(o evenkeel.Observed) (string, error) {
		if err := o.Succeeded(); err != nil {
			return "", err
		}
		found, err := steps.Sums(o.Result)
		if err != nil {
			return "", err
		}
		var list []string
		for _, file := range k.public(s) {
			if found[file] == "" || len(found) != 2 {
				return "", fmt.Errorf("sha256sum did not tell the sum of %s, or of more than was asked", file)
			}
			list = append(list, found[file])
		}
		return strings.Join(list, ","), nil
	}
}

func (k *keys) sumsOf(s keySet) sshexec.Cmd {
	return sshexec.Command(sshexec.ReadOnly, append([]string{"sha256sum"}, k.public(s)...)...)
}

const sumsInLine = ` | awk '{ line = line comma $1; comma = "," } END { print line }'`

// same wants the public keys of a set to be those of a fact.
func (k *keys) same(id, what string, p *keyPlace, s keySet, fact evenkeel.Fact[string]) evenkeel.Action {
	cmd := k.sumsOf(s)
	a := evenkeel.Look(id, "Verify that "+what, cmd.Argv...).On(p.host)
	a = a.Expecting(fact.Doc(), func(o evenkeel.Observed) error {
		now, err1 := k.sums(s)(o)
		want, err2 := fact.Get(o.Facts)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if now != want {
			return fmt.Errorf("on %s the keys in %s and %s are others: %s, and not %s", p.host, s.root, s.qns, now, want)
		}
		return nil
	})
	a.Paper = equals(evenkeel.Typed(cmd)+sumsInLine, fact, "the same keys")
	return a
}

// reach has a user of the Cluster Manager log in to every machine, and from there to every machine.
func (k *keys) reach(id string, p *keyPlace, user string) evenkeel.Action {
	var want []string
	for _, a := range p.targets {
		want = append(want, "here "+a)
		for _, b := range p.targets {
			want = append(want, a+" "+b)
		}
	}
	cmd := sshexec.Script(sshexec.ReadOnly, reachScript, append([]string{user}, p.targets...)...)
	cmd.Timeout = time.Hour
	a := evenkeel.Action{ID: id + "-" + user, Change: evenkeel.Change{
		Title: fmt.Sprintf("Verify that %s can log in from each machine of %s to each of them", user, p.name),
		Host:  p.host, Ref: "cps:1378", Cmd: cmd,
	}}
	a = a.Expecting(fmt.Sprintf("%d logins, each with exit status 0", len(want)), func(o evenkeel.Observed) error {
		return logins(o, want, "0", "as "+user+" these fail")
	})
	a.Paper = tried("reach "+user+" "+strings.Join(p.targets, " "), len(want), 0)
	return a
}

// opens tries one key of a Cluster Manager, as a user, on some machines. Where it is refused ssh ends with status 255.
func (k *keys) opens(id, title string, p *keyPlace, s keySet, user string, targets []string, status int) evenkeel.Action {
	key := k.private(s, user)
	cmd := sshexec.Script(sshexec.ReadOnly, opensScript, append([]string{key, user}, targets...)...)
	cmd.Timeout = time.Hour
	a := evenkeel.Action{ID: id + "-" + user, Change: evenkeel.Change{
		Title: title, Host: p.host, Ref: "cps:1378", Cmd: cmd,
	}}
	a = a.Expecting(fmt.Sprintf("%d logins, each with exit status %d", len(targets), status), func(o evenkeel.Observed) error {
		err := logins(o, targets, strconv.Itoa(status), "the key "+key+" ends otherwise at")
		if err != nil && status != 0 {
			return evenkeel.NeedsOperator("the old key of %s must be refused, by ssh with exit status %d. Take it out of authorized_keys "+
				"where it is not, and resume: %v", user, status, err)
		}
		return err
	})
	a.Paper = tried(strings.Join(append([]string{"opens", key, user}, targets...), " "), len(targets), status)
	return a
}

// own wants evenkeel's own key to be let in by every machine of a place. evenkeel queries each of them by its own connection.
func (k *keys) own(id string, p *keyPlace) []evenkeel.Action {
	if k.cfg.OwnKey == "" {
		return nil
	}
	cmd := sshexec.Command(sshexec.ReadOnly, "ssh-keygen", "-lf", k.cfg.OwnKeysFile)
	a := evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: "Verify that evenkeel itself can log in to " + p.all(), Host: p.host, Ref: "cps:1378",
		Op: &evenkeel.Op{
			Effect: evenkeel.ReadOnly,
			Text: fmt.Sprintf("Read %s on %s: each lists the key %s.", k.cfg.OwnKeysFile, strings.Join(p.machines(), ", "),
				k.cfg.OwnKey),
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				for _, host := range p.machines() {
					res, err := at.Run(ctx, host, cmd)
					if err != nil {
						return res, err
					}
					if !slices.ContainsFunc(strings.Split(string(res.Stdout), "\n"), k.isOwn) {
						return res, fmt.Errorf("%s of %s does not list evenkeel's own key %s: put it there while the "+
							"connection is open, and resume",
							k.cfg.OwnKeysFile, host, k.cfg.OwnKey)
					}
				}
				return sshexec.Result{}, nil
			},
		},
	}}
	if p.cluster == nil {
		a.Paper = steps.Prints(cmd, "| lists "+k.cfg.OwnKey, "it is listed")
		return []evenkeel.Action{a}
	}
	words := append([]string{"letin", k.cfg.OwnKey, k.cfg.OwnKeysFile}, p.targets...)
	a.Paper = tried(strings.Join(words, " "), len(p.targets), 0)
	return []evenkeel.Action{a}
}

// isOwn tells a line of ssh-keygen -l that is about evenkeel's own key.
func (k *keys) isOwn(line string) bool {
	words := strings.Fields(line)
	return len(words) > 1 && words[1] == k.cfg.OwnKey
}

// ownByHand is what stands for own where evenkeel has another way in.
func (k *keys) ownByHand(id string, p *keyPlace) []evenkeel.Action {
	if k.cfg.OwnKey != "" {
		return nil
	}
	return []evenkeel.Action{evenkeel.ByHand(id, "Confirm that evenkeel can still log in to "+p.name,
		"Open a new connection, the way evenkeel does, to each of "+strings.Join(p.machines(), ", ")+
			". One that is open already proves nothing. Confirm that all of them let you in.")}
}
