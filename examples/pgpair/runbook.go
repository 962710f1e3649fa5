package pgpair

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	ek "github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

const (
	unit, server, data = "postgresql-16", "postgresql16-server", "/var/lib/pgsql/16/data"
	standbySignal      = data + "/standby.signal" // a server that starts with this file is a standby

	sqlShow, sqlCheckpoint, sqlPromote = "SHOW server_version", "CHECKPOINT", "SELECT pg_promote(true, 60)"
	sqlStandby                         = "SELECT pg_is_in_recovery()::text"
	// On a standby it is true: there is nothing to wait for.
	sqlStreams = "SELECT (CASE WHEN pg_is_in_recovery() THEN true ELSE EXISTS (SELECT FROM pg_stat_replication WHERE" +
		" state = $$streaming$$ AND pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) < 16777216) END)::text"
	sqlMissing = "SELECT ($$%s$$::pg_lsn >= CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()" +
		" ELSE pg_current_wal_lsn() END)::text"
)

// OutageLimit is how long the switchover may leave the pair without a server that serves.
const OutageLimit = 3 * time.Minute

var (
	was1 = ek.NewFact[string]("version.primary", "the version on the old primary before the upgrade")
	was2 = ek.NewFact[string]("version.standby", "the version on the old standby before the upgrade")

	start            = command(ek.Mutating, "systemctl", "start", unit)
	stop             = command(ek.Disruptive, "systemctl", "stop", unit)
	signal, unsignal = command(ek.Mutating, "touch", standbySignal), command(ek.Mutating, "rm", "-f", standbySignal)
	signalled        = command(ek.ReadOnly, "test", "-e", standbySignal)
	promotes         = psql(ek.Disruptive, sqlPromote)
	version          = command(ek.ReadOnly, "rpm", "-q", "--qf", "%{VERSION}-%{RELEASE}", server)
	control          = command(ek.ReadOnly, "/usr/pgsql-16/bin/pg_controldata", "-D", data)
	controlled       = regexp.MustCompile(`(?s)state: +(in (?:production|archive recovery)|shut down(?: in recovery)?)\n` +
		`.*checkpoint location: +(\S+)`)
)

// Pair is what the runbook is made from.
type Pair struct {
	Primary, Standby, Address string // the roles before the upgrade; keepalived's address of the service
	Version                   string // to install, as rpm prints it: "16.9-1PGDG.rhel7"
}

// Runbook is the whole upgrade.
func (p Pair) Runbook() (*ek.Runbook, error) {
	rb := &ek.Runbook{Name: "pgpair", Title: "Upgrade " + p.Primary + " and " + p.Standby + " to " + p.Version,
		Inputs: []ek.Input{ek.NewInput("pair", fmt.Append(nil, p))}, Invariants: p.invariants(), Compare: p.compare,
		Steps: []ek.Step{
			{ID: "check", Title: "Check the pair", Actions: p.serving(p.Primary)},
			p.upgrade("standby", p.Standby, p.Primary, was2),
			{ID: "checkpoint", Title: "Shorten the stop", Host: p.Primary, Harmless: "a checkpoint changes no data",
				Actions: []ek.Action{do("checkpoint", "Write a checkpoint", "", psql(ek.Mutating, sqlCheckpoint))}},
			p.switchover(),
			p.upgrade("old-primary", p.Primary, p.Standby, was1),
			{ID: "proof", Title: "Verify the pair", Actions: append(p.serving(p.Standby), p.runs(p.Primary), p.runs(p.Standby))},
		},
	}
	return rb, rb.Validate()
}

// serving looks whether a node is the primary, the address leads to it, and its changes reach the other node.
func (p Pair) serving(host string) []ek.Action {
	return []ek.Action{do("primary", "Verify that "+host+" is primary", host, psql(ek.ReadOnly, sqlStandby), "^false$"),
		do("address", "Wait until the address leads to it", host, psql(ek.ReadOnly, sqlStandby, "-h", p.Address), "^false$"),
		do("streams", "Wait until the standby has caught up", host, psql(ek.ReadOnly, sqlStreams), "^true$")}
}

func (p Pair) runs(host string) ek.Action {
	return do("runs-"+host, "Verify the version", host, psql(ek.ReadOnly, sqlShow), "^"+strings.Split(p.Version, "-")[0])
}

// upgrade upgrades the server of a standby while the other node is the primary.
func (p Pair) upgrade(id, host, other string, was ek.Fact[string]) ek.Step {
	note := do("version", "Note the version", "", version, `^16\.`)
	note.Makes = []ek.Make{was.From(func(o ek.Observed) (string, error) { return o.Text(), nil })}
	change := func(verb, want string) []ek.Action { // the version may be a fact
		yum := do("yum", "Let yum "+verb+" the server", "", command(ek.Mutating, "yum", "-y", verb, server+"-"+want))
		yum.Cmd.Timeout = 15 * time.Minute
		return []ek.Action{guard(p.serving(other)[0]), guard(starts(host)), do("stop", "Stop the server", "", stop),
			unless(yum, "", version, want), do("start", "Start the server", "", start)}
	}
	s := ek.Step{
		ID: id, Title: "Upgrade " + host, Host: host, Makes: []ek.FactKey{was}, Closes: []string{"alone"},
		Actions: append([]ek.Action{note}, change("install", p.Version)...), Undo: change("downgrade", was.Ref()),
		Verify: append(p.serving(other)[2:], p.runs(host)), UndoVerify: p.serving(other)[2:],
	}
	if host == p.Standby { // on the old primary the switchover has opened it
		s.Closes, s.Opens = []string{"spare"}, []ek.Window{{ID: "spare", Invariant: "redundant",
			Reason: "the standby is upgraded", Limit: time.Hour, Stop: ek.StopBetweenSteps}}
	}
	return s
}

// switchover makes the standby the primary. The old primary stays stopped and will start as a standby.
func (p Pair) switchover() ek.Step {
	old, next, role := p.Primary, p.Standby, psql(ek.ReadOnly, sqlStandby)
	promote := func(host string) ek.Action {
		return unless(do("promote", "Promote "+host, host, promotes), "", role, "false")
	}
	forward := []ek.Action{p.serving(old)[2],
		do("stop", "Stop "+old, "", stop), do("signal", "Make "+old+" start as a standby", "", signal), guard(starts(old)),
		nothingLost(old, next, "shut down"), promote(next)}
	back := []ek.Action{do("start-old", "Start "+old, "", start), // from wherever the switchover stands
		do("caught-up", "Wait until "+old+" has caught up", next, psql(ek.ReadOnly, sqlStreams), "^true$"),
		unless(do("stop-next", "Stop "+next+" unless "+old+" is the primary", next, stop), old, role, "false"),
		do("signal-next", "Make "+next+" start as a standby", next, signal), guard(starts(next)),
		nothingLost(next, old, "shut down", "shut down in recovery", "in archive recovery"), promote(old),
		do("unsignal", "Make "+old+" start as a primary", "", unsignal), do("start-next", "Start "+next, next, start)}
	return ek.Step{
		ID: "switchover", Title: "Switch over to " + next, Host: old, Closes: []string{"outage"},
		Actions: forward, Verify: p.serving(next)[:2], Undo: back, UndoVerify: p.serving(old),
		Opens: []ek.Window{
			{ID: "outage", Invariant: "serves", Reason: "no server is primary between the stop and the promotion",
				Limit: OutageLimit, Stop: ek.StopAtClose, Completion: forward[1:]},
			{ID: "alone", Invariant: "redundant", Reason: old + " is upgraded", Limit: time.Hour, Stop: ek.StopBetweenSteps},
		},
	}
}

func guard(a ek.Action) ek.Action { a.Precondition = true; return a }

func starts(host string) ek.Action {
	return do("starts", "Verify that "+host+" starts as a standby", host, signalled)
}

// nothingLost proves that a node has all that the other one wrote, which is in one of the given states.
func nothingLost(from, to string, allowed ...string) ek.Action {
	prove := func(ctx context.Context, at ek.Site) (sshexec.Result, error) {
		res, err := at.Run(ctx, from, control)
		m := append(controlled.FindStringSubmatch(res.Text()), "", "", "")
		if err != nil || !slices.Contains(allowed, m[1]) {
			return res, cmp.Or(err, fmt.Errorf("PostgreSQL on %s is %q, not one of %q", from, m[1], allowed))
		}
		res, err = at.Run(ctx, to, psql(ek.ReadOnly, fmt.Sprintf(sqlMissing, m[2])))
		if err == nil && res.Text() != "false" {
			err = fmt.Errorf("%s does not have the checkpoint %s of %s", to, m[2], from)
		}
		return res, err
	}
	title, states := "Verify that "+to+" has all data of "+from, strings.Join(allowed, " or ")
	return ek.Action{
		ID: "nothing-lost", Precondition: true,
		Change: ek.Change{
			Title: title, Op: &ek.Op{Effect: ek.ReadOnly, Do: prove,
				Text: "pg_controldata on " + from + " shows " + states + "; " + to + " has replayed the checkpoint that it shows."},
		},
	}
}

func (p Pair) invariants() []ek.Invariant {
	answers := func(sql, want string) func(context.Context, ek.Site) error {
		return func(ctx context.Context, at ek.Site) error {
			res, err := at.Run(ctx, p.Primary, psql(ek.ReadOnly, sql, "-h", p.Address))
			if res.Outcome == ek.Exited && res.Text() != want {
				err = ek.Violated("the server at %s answers %q %q", p.Address, res.Text(), res.Stderr)
			}
			return err
		}
	}
	one := func(ctx context.Context, at ek.Site) error {
		primary, where := false, ""
		for _, host := range []string{p.Primary, p.Standby} {
			res, err := at.Run(ctx, host, control)
			m := controlled.FindStringSubmatch(res.Text())
			if err != nil || m == nil {
				return cmp.Or(err, fmt.Errorf("the state of %s is not known: %q", host, res.Text()))
			} else if m[1] == "in production" && primary {
				return ek.Violated("%s and %s are both primary", p.Primary, p.Standby)
			}
			if m[1] == "in production" {
				primary, where = true, host
			}
		}
		at.Saw(ek.Serving{What: "primary", Where: where, Home: p.Primary})
		return nil
	}
	return []ek.Invariant{
		{ID: "one-primary", Title: "At most one server is primary", Absolute: true, Check: one},
		{ID: "serves", Title: "The address leads to the primary", Check: answers(sqlStandby, "false")},
		{ID: "redundant", Title: "The standby has caught up", Check: answers(sqlStreams, "true")},
	}
}

// compare says what differs from the state before the upgrade. The roles are verified where the switchover is undone.
func (p Pair) compare(ctx context.Context, at ek.Site) (differs []string, _ error) {
	for i, host := range []string{p.Primary, p.Standby} {
		want, unknown := []ek.Fact[string]{was1, was2}[i].Get(at.Facts) // unknown: nothing was installed
		if res, err := at.Run(ctx, host, version); unknown == nil && (err != nil || res.Text() != want) {
			differs = append(differs, fmt.Sprintf("%s has version %q, not %q (%v)", host, res.Text(), want, err))
		}
	}
	return differs, nil
}

func command(effect ek.Effect, argv ...string) sshexec.Cmd {
	limit := map[bool]time.Duration{true: 15 * time.Second, false: time.Minute}[effect == ek.ReadOnly]
	return sshexec.Cmd{Effect: effect, Argv: argv, Timeout: limit} // one that hangs must not use up an outage
}

func psql(effect ek.Effect, sql string, more ...string) sshexec.Cmd {
	cmd := command(effect, append([]string{"psql", "-XAtc", sql}, more...)...)
	cmd.Sudo = &sshexec.Sudo{User: "postgres"}
	return cmd
}

// do is a command that may be repeated, and what it must show within a minute.
func do(id, title, host string, cmd sshexec.Cmd, shows ...string) ek.Action {
	a := ek.Action{ID: id, Change: ek.Change{Title: title, Host: host, Cmd: cmd, Repeat: ek.Idempotent, Limit: time.Minute}}
	for _, pattern := range shows {
		re := regexp.MustCompile(pattern)
		a.Expect = ek.Expect{Text: "prints " + pattern, Check: func(o ek.Observed) error {
			if o.ExitCode != 0 || !re.MatchString(o.Text()) {
				return ek.NotYet(2*time.Second, "it prints %q %q", o.Text(), o.Stderr)
			}
			return nil
		}}
	}
	return a
}

// unless leaves an action out where a command prints that it is done, or that it is not needed.
func unless(a ek.Action, host string, cmd sshexec.Cmd, done string) ek.Action {
	a.Repeat, a.Probe = ek.ProbeFirst, &ek.Probe{Host: host, Cmd: cmd, Settle: 10 * time.Second, Text: "it prints " + done}
	a.Probe.Read = func(o ek.Observed) (ek.ProbeResult, error) {
		want, err := o.Facts.Expand(done)
		if err != nil || o.ExitCode != 0 {
			return ek.Inconclusive, err
		}
		return map[bool]ek.ProbeResult{true: ek.Done, false: ek.NotRun}[o.Text() == want], nil
	}
	return a
}
