package pair

import (
	"context"
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// seeFits wants the software of a new system to take the data of what runs on the other node.
func (n *node) seeFits(id string) []evenkeel.Action {
	other := n.node(1 - n.index).Name
	var fits []Fit
	var texts []string
	for _, u := range n.moved() {
		runs := n.placed("", u)
		for _, m := range u.Members {
			if _, is := runs[m.ID]; !is {
				continue // its data is nowhere to be read
			}
			for _, f := range m.Fits {
				fits = append(fits, f)
				texts = append(texts, fmt.Sprintf("%s (`%s` on %s, `%s` on %s)", f.Text, strings.Join(f.Data, " "), other, strings.Join(f.Has, " "),
					n.Name))
			}
		}
	}
	if len(fits) == 0 {
		return nil
	}
	return []evenkeel.Action{{ID: id, Change: evenkeel.Change{
		Title: "Verify that the software of " + n.Name + " takes the data of " + other, Host: n.Name,
		Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: strings.Join(texts, "; ") + ".",
			Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				for _, f := range fits {
					data, err := at.Run(ctx, other, Brief(f.Data...))
					if err != nil {
						return data, err
					}
					has, err := at.Run(ctx, n.Name, Brief(f.Has...))
					if err != nil {
						return has, err
					}
					if err := f.Check(data.Text(), has.Text()); err != nil {
						return sshexec.Result{}, evenkeel.NeedsOperator("%s: %v. No unit is down. Put that right on %s, and resume", n.Name, err, n.Name)
					}
				}
				return sshexec.Result{}, nil
			}},
	}}}
}

// sameMajor wants PostgreSQL, as `pg_ctl --version` tells it, to be of the major version of the data, as PG_VERSION in it has that: 9.6,
// 13. Another one refuses to start.
func sameMajor(dir, data, has string) error {
	major, named := strings.CutPrefix(has, "pg_ctl (PostgreSQL) ")
	version, _, _ := strings.Cut(major, " ") // packagers add words of their own
	if data == "" || strings.Trim(data, "0123456789.") != "" || !named {
		return fmt.Errorf("the major versions of PostgreSQL cannot be told: PG_VERSION in %s is %q, and pg_ctl says %q: %w", dir, data, has,
			ErrNotProven)
	}
	if !strings.HasPrefix(version, data+".") {
		return fmt.Errorf("it has PostgreSQL %s, which refuses the data in %s, of PostgreSQL %s: install %s in its place, or upgrade the data "+
			"in the old cluster first", version, dir, data, data)
	}
	return nil
}
