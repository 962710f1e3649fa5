package manager

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// loadScript is the guide's pipe (lustre:219). What psql prints goes to a file that only root reads: it quotes
// statements, and some of them have passwords in them.
const loadScript = `umask 077; zcat "$1" | su - postgres -c "psql postgres" >"$2" 2>&1`

// database replaces the database of the installation by that of the backup (lustre:216-221).
func (m *Manager) database() evenkeel.Step {
	dump := m.tree() + "/" + m.dumpName.Ref()
	whole := evenkeel.Action{ID: "whole", Change: evenkeel.Change{Cmd: steps.SHA256Sum(dump),
		Title: "Verify that the dump is the one that was read to its end"}}
	whole = whole.Expecting("the digest $"+m.dumpSum.Variable(), evenkeel.Succeeding(func(o evenkeel.Observed) error {
		want, err := m.dumpSum.Get(o.Facts)
		if err == nil && steps.Sum(o.Result) != want {
			err = fmt.Errorf("its sha256 is %q, not %s: nothing is dropped for a damaged dump", steps.Sum(o.Result), want)
		}
		return err
	})).AsPrecondition()
	whole.Paper = []evenkeel.Block{{Script: "sha256sum " + dump + " | grep -c " + m.dumpSum.Ref(), Shows: []string{"1"}}}
	load := evenkeel.Action{ID: "load", Change: evenkeel.Change{Title: "Load the database of the backup",
		Ref: "lustre:219",
		Cmd: sshexec.Script(sshexec.Mutating, loadScript, dump, m.tree()+".psql.log"), Repeat: evenkeel.Idempotent,
		Note: "errors such as \"role already exists\" are normal, and psql ends with 0 all the same: the rows are counted " +
			"afterwards"}}
	return evenkeel.Step{
		ID: "database", Title: "Restore the database", Host: m.Config.Host, Ref: "lustre:216", Irreversible: m.gone(),
		Needs:   []evenkeel.FactKey{m.archiveName, m.dumpName, m.dumpSum, m.rows},
		Actions: []evenkeel.Action{m.idle(), whole, load},
		Verify:  []evenkeel.Action{m.counted()},
	}
}

// sql asks PostgreSQL for one line.
func sql(id, title, database, query string) evenkeel.Action {
	return evenkeel.Look(id, title, "su", "-", "postgres", "-c", "psql -tAX -d "+database+` -c "`+query+`"`)
}

// idle waits until nobody uses the database: PostgreSQL drops none that is in use, and loads into it what it can.
func (m *Manager) idle() evenkeel.Action {
	a := sql("idle", "Wait until nobody uses the database", "postgres",
		"SELECT count(*) FROM pg_stat_activity WHERE datname = '"+m.Config.Database+"'").
		Until(patience, "0 connections", evenkeel.Succeeding(func(o evenkeel.Observed) error {
			if o.Text() != "0" {
				return evenkeel.NotYet(5*time.Second, "there are %q connections", o.Text())
			}
			return nil
		}))
	return shows(a, "", "0")
}

// counted wants the tables to have as many rows as in the dump.
func (m *Manager) counted() evenkeel.Action {
	var parts []string
	for _, t := range slices.Sorted(slices.Values(m.Config.Tables)) {
		parts = append(parts, fmt.Sprintf("'%s=' || (SELECT count(*) FROM %[1]s)", t))
	}
	a := sql("rows", "Count the rows of the restored tables", m.Config.Database, "SELECT "+strings.Join(parts,
		" || ' ' || ")).
		Expecting("as many as in the dump, $"+m.rows.Variable(), evenkeel.Succeeding(func(o evenkeel.Observed) error {
			want, err := m.rows.Get(o.Facts)
			if err == nil && o.Text() != want {
				err = fmt.Errorf("the database has %q, and the dump has %q: it was not loaded as a whole; what psql said is in "+
					"the file "+
					"beside the backup, .psql.log", o.Text(), want)
			}
			return err
		}))
	return showsFact(a, "", m.rows.Ref())
}
