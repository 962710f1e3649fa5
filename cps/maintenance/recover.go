package maintenance

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// RecoverConfig says which member of which replica set is brought back. The zero value of a field is its default.
type RecoverConfig struct {
	ClusterManager string `yaml:"cluster_manager"` // control name of the Cluster Manager; "cluman"

	Set    string `yaml:"set"`    // SETNAME of mongoConfig.cfg: set02
	Member string `yaml:"member"` // the member that is stuck in RECOVERING, as in mongoConfig.cfg: sessionmgr02:27718

	// EvenIfItMayCatchUp goes on where the oplog still reaches back to what the member lacks, so that it may come back by
	// itself.
	EvenIfItMayCatchUp bool          `yaml:"even_if_it_may_catch_up"`
	CopyTime           time.Duration `yaml:"copy_time"` // how long the copy of the data may take; 24h

	Tools Tools `yaml:"tools"` // paths of the guide's programs, where a login does not find them by name
}

// recovery is the plan of a repair.
type recovery struct {
	*cluster
	cfg    RecoverConfig
	set    cps.ReplicaSet
	member cps.MongoMember
	others []cps.MongoMember // the other members that hold data
}

// Recover is the repair of a member that is stuck in RECOVERING, as its oplog window is passed (cps:1382-1421,1833-1882): its
// process is stopped, the member removed from its replica set, its data deleted, its process started with nothing, and
// the member added again as it was; then it copies the data. Never is a copy deleted that the set needs: before each of
// these the set itself is asked whether it keeps its data, a majority and a primary without the member.
//
// The error says everything that is wrong with the configuration, and where the data directory is not the member's own.
func Recover(cfg RecoverConfig, hosts *cps.Hosts, conf *cps.MongoConfig) (*evenkeel.Runbook, error) {
	if cfg.CopyTime == 0 {
		cfg.CopyTime = 24 * time.Hour
	}
	c, err := newCluster(cfg.ClusterManager, hosts, cfg.Tools)
	r := &recovery{cluster: c, cfg: cfg}
	if err == nil {
		err = r.find(conf)
	}
	if err == nil && cfg.CopyTime < time.Minute {
		err = fmt.Errorf("copy_time %s: it must be a minute at least", cfg.CopyTime)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot plan the repair: %w", err)
	}
	var text strings.Builder
	if _, err := conf.WriteTo(&text); err != nil {
		return nil, err
	}
	rb := &evenkeel.Runbook{
		Name: "cps-recover", Title: fmt.Sprintf("Bring %s back into %s", cfg.Member, r.set.Title()), Version: "cps-recover 1",
		Inputs:     []evenkeel.Input{c.input(), evenkeel.NewInput(mongoConfigPath, []byte(text.String()))},
		LeaseHosts: []string{c.manager}, Functions: steps.PaperFunctions, Invariants: []evenkeel.Invariant{r.invariant()},
		Intro: "A member whose oplog window is passed does not catch up any more: it is emptied, and copies the data anew. It follows the CPS " +
			"Migration and Upgrade Guide; cps:N is a line of it.",
		Steps:    []evenkeel.Step{r.preflight(), r.stop(), r.leave(), r.empty(), r.start(), r.back()},
		Absences: []evenkeel.Absence{{What: "the data of " + cfg.Member, From: "stop", Until: "back", Ref: "cps:1382-1421"}},
	}
	rb.Estimate(evenkeel.Guess)
	return rb, rb.Validate()
}

// find looks the member up, and makes sure that its data directory is nobody else's.
func (r *recovery) find(conf *cps.MongoConfig) error {
	if conf == nil {
		return errors.New("mongoConfig.cfg is needed")
	}
	set, ok := conf.ByName(r.cfg.Set)
	if !ok {
		return fmt.Errorf("set %q is not in %s", r.cfg.Set, conf.File)
	}
	r.set = set
	for _, m := range set.Members {
		if m.Address() == r.cfg.Member {
			r.member = m
		} else {
			r.others = append(r.others, m)
		}
	}
	at := fmt.Sprintf("%s:%d", conf.File, set.Line)
	switch _, known := r.hosts.ByAlias(r.member.Host); {
	case r.member.Host == "":
		return fmt.Errorf("member %q holds no data of %s: %s: %s", r.cfg.Member, set, at, strings.Join(steps.Addresses(set.Members), ", "))
	case len(r.others) == 0:
		return fmt.Errorf("%s: %s holds the only data of %s: they would be lost", at, r.cfg.Member, set)
	case !known:
		return fmt.Errorf("%s: %s is no VM of %s: nobody can stop its process", at, r.member.Host, r.hosts.File)
	case !dataPath.MatchString(set.DataPath) || path.Clean(set.DataPath) != set.DataPath:
		return fmt.Errorf("%s: DATA_PATH %q is no directory below /var/data that is safe to empty", at, set.DataPath)
	}
	for _, other := range conf.Sets {
		for _, dir := range []string{other.DataPath, other.ArbiterDataPath} {
			if dir == "" || other.Name == set.Name && dir == set.DataPath {
				continue
			}
			if strings.HasPrefix(dir+"/", set.DataPath+"/") || strings.HasPrefix(set.DataPath+"/", dir+"/") {
				return fmt.Errorf("%s: the data of %s (%s) and of %s (%s) stand in one another: to empty one would empty both", at, set,
					set.DataPath, other, dir)
			}
		}
	}
	return nil
}

// dataPath is where CPS keeps its databases; nothing shorter is ever emptied.
var dataPath = regexp.MustCompile(`^/var/data/[A-Za-z0-9][A-Za-z0-9._/-]*$`)

const mongoConfigPath = "/etc/broadhop/mongoConfig.cfg"

// shell is a script in the mongo shell, on the primary of the set, reached through the other members.
func (r *recovery) shell(effect evenkeel.Effect, script string) sshexec.Cmd {
	cmd := sshexec.Command(effect, r.tools.Mongo, "--quiet", "--host", r.set.Name+"/"+
		strings.Join(steps.Addresses(r.others), ","), "--eval", script)
	return steps.WithTimeout(cmd, 5*time.Minute)
}

// The shell logs how it finds a replica set on its standard output, whatever --quiet says.
var shellLog = regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\dT\S+ [IWD] .*\n?`)

// withoutLog is the filter on paper that drops it.
const withoutLog = ` | grep -vE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]+ [IWD] '`

// printed is what a script has printed in the shell.
func printed(res sshexec.Result) sshexec.Result {
	res.Stdout = shellLog.ReplaceAll(res.Stdout, nil)
	return res
}

// table is a check of the member's row in the table of the replica sets.
func (r *recovery) table(check func(row cps.TableMember, there bool) error) func(evenkeel.Observed) error {
	return parsed("diagnostics.sh --get_replica_status", cps.ParseReplicaTable, func(t *cps.ReplicaTable) error {
		set, ok := t.Set(r.set.Title())
		if !ok {
			return fmt.Errorf("%s is not in the table: it is not whole", r.set.Title())
		}
		row, there := set.At(r.member)
		return check(row, there)
	})
}

// row is a look at the table.
func (r *recovery) row(id, title, ref string) evenkeel.Action {
	return evenkeel.Look(id, title, r.tools.Diagnostics, "--get_replica_status").On(r.manager).From(ref)
}

// shows wants the member's state in the table, by hand.
func (r *recovery) shows(a evenkeel.Action, state string) []evenkeel.Block {
	return steps.Prints(a.Cmd, fmt.Sprintf(`| replicas | awk '$1 == "%s" && $2 == "%s" && $3 == "%d" { print $4 }'`,
		r.set.Title(), r.member.Host,
		r.member.Port), state)
}

func (r *recovery) preflight() evenkeel.Step {
	stuck := r.row("stuck", "Verify that "+r.cfg.Member+" is RECOVERING", "cps:1833").Expecting("RECOVERING",
		r.table(func(row cps.TableMember, there bool) error {
			switch {
			case !there:
				return evenkeel.NeedsOperator("%s is not a member of %s: add it by hand", r.cfg.Member, r.set.Title())
			case steps.UnknownCache(r.set.Type, row):
				return evenkeel.NeedsOperator("%s", steps.UnknownCacheAdvice(r.set.Title(), row))
			case row.State == cps.StateUnknown || row.State == cps.StateUnreachable:
				return evenkeel.NeedsOperator("%s is %s: look at its connection with the other members first (cps:1877)", r.cfg.Member, row.State)
			case row.State != cps.StateRecovering:
				return evenkeel.NeedsOperator("%s is %s, and not RECOVERING: there is nothing to repair", r.cfg.Member, row.State)
			}
			return nil
		}))
	stuck.Paper = r.shows(stuck, "RECOVERING")
	note := evenkeel.Look("document", "Note how the member is configured", r.document().Argv...).On(r.manager).
		Expecting("the document of the member", evenkeel.Succeeding(func(o evenkeel.Observed) error { _, err := r.documentIn(o); return err }))
	note.Cmd = r.document()
	note.Makes = []evenkeel.Make{memberDocument.From(r.documentIn).Typed(evenkeel.Typed(r.document()) + withoutLog)}
	return evenkeel.Step{
		ID: "preflight", Title: "Verify that the member has to be repaired, and can be", Host: r.manager, Ref: "cps:1382-1416,1833",
		Makes: []evenkeel.FactKey{memberDocument}, Actions: []evenkeel.Action{stuck, r.keeps("keeps"), r.passed(), note},
	}
}

var memberDocument = evenkeel.NewFact[string]("recover.member", "the document of the member in the configuration of its replica set")

// document prints how the member is configured, in one line, as the shell reads it again; "undefined" when it is no member.
func (r *recovery) document() sshexec.Cmd {
	return r.shell(sshexec.ReadOnly,
		fmt.Sprintf(`print(tojson(rs.conf().members.filter(function (m) { return m.host === "%s" })[0], "", true))`, r.cfg.Member))
}

// documentForm is a document of plain values: what stands for it in a script can do nothing else.
var documentForm = regexp.MustCompile(`^\{ "_id" : \d+, "host" : "([^"]+)",[A-Za-z0-9_"{}:,. ()-]*\}$`)

func (r *recovery) documentIn(o evenkeel.Observed) (string, error) {
	text := printed(o.Result).Text()
	switch m := documentForm.FindStringSubmatch(text); {
	case text == "undefined":
		return "", fmt.Errorf("%s is no member of %s", r.cfg.Member, r.set.Title())
	case m == nil || m[1] != r.cfg.Member:
		return "", fmt.Errorf("not the document of a member: %.200q", text)
	case strings.Contains(text, `"arbiterOnly" : true`):
		return "", fmt.Errorf("%s is an arbiter: it holds no data", r.cfg.Member)
	}
	return text, nil
}

// inSet probes whether the member is in the configuration.
func (r *recovery) inSet(want bool) evenkeel.Probe {
	text := map[bool]string{true: r.cfg.Member + " is a member", false: r.cfg.Member + " is no member"}[want]
	return evenkeel.Probe{
		Cmd: r.document(), Text: text, Host: r.manager,
		Paper: steps.Prints(r.document(), withoutLog[1:]+
			` | awk '{ print $1 == "undefined" ? "no member" : $1 == "{" ? "a member" : "NOT known" }'`,
			map[bool]string{true: "a member", false: "no member"}[want]),
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			if err := o.Succeeded(); err != nil {
				return evenkeel.Inconclusive, err
			}
			_, err := r.documentIn(o)
			if err != nil && printed(o.Result).Text() != "undefined" {
				return evenkeel.Inconclusive, err
			}
			return steps.DoneIf((err == nil) == want), nil
		},
	}
}

// keeps asks the replica set whether it can do without the member: its data, a majority of the votes and a primary.
func (r *recovery) keeps(id string) evenkeel.Action {
	return evenkeel.Action{
		ID: id, Paper: steps.Prints(sshexec.Command(sshexec.ReadOnly, "asked", r.tools.Mongo, r.others[0].Address()), "| left "+r.member.Host,
			r.set.Name+" keeps a majority", r.set.Name+" keeps its data"),
		Change: evenkeel.Change{
			Title: "Verify that " + r.set.Title() + " keeps its data, its majority and its primary without " + r.cfg.Member, Ref: "cps:631",
			Host: r.manager,
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly, Text: fmt.Sprintf("Ask a member of %s for rs.conf() and rs.status(). Without %s it "+
					"must keep a majority of its "+
					"votes, a member that can be primary, and a copy of the data that is at most %s behind.",
					r.set.Title(), r.cfg.Member, printable.Duration(mongo.MaxLag)),
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					return sshexec.Result{}, r.lose(ctx, at, true)
				},
			},
		},
	}
}

// lose asks the set what it loses without the member, or, where that is to stay, what it lacks now.
func (r *recovery) lose(ctx context.Context, at evenkeel.Site, member bool) error {
	view, err := steps.View(ctx, steps.ReplicaSet(at, r.manager, r.tools.Mongo, r.set), r.set.Title(), steps.Addresses(r.others))
	if err != nil {
		return err
	}
	steps.Saw(at, r.set.Title(), view)
	var hosts []string
	if _, in := view.Config.Member(r.cfg.Member); member && in {
		hosts = []string{r.cfg.Member}
	}
	losses, err := steps.Losses(view, hosts...)
	if err == nil && losses != "" {
		err = evenkeel.Violated("%s cannot do without %s: %s", r.set.Title(), r.cfg.Member, losses)
	}
	return err
}

func (r *recovery) invariant() evenkeel.Invariant {
	return evenkeel.Invariant{
		ID: "replica-set", Absolute: true,
		Title: fmt.Sprintf("%s has its data, a majority of its votes and a primary, without %s.", r.set.Title(), r.cfg.Member),
		Check: func(ctx context.Context, at evenkeel.Site) error { return r.lose(ctx, at, true) },
	}
}

// passed wants what the member lacks to be gone from the oplog: else it may still come back by itself (cps:1386-1416).
func (r *recovery) passed() evenkeel.Action {
	oplog := r.shell(sshexec.ReadOnly, "rs.printReplicationInfo()")
	lag := r.shell(sshexec.ReadOnly, "rs.printSlaveReplicationInfo()")
	text := "The member is further behind than the oplog reaches back."
	if r.cfg.EvenIfItMayCatchUp {
		text = "Say how far the member is behind, and how far the oplog reaches back: even_if_it_may_catch_up is set."
	}
	return evenkeel.Action{
		ID: "passed", Paper: []evenkeel.Block{
			{Text: "How far the oplog reaches back.", Script: evenkeel.Typed(oplog)},
			{Text: "How far the member is behind: further, or it may still catch up (cps:1409).", Script: evenkeel.Typed(lag)},
		},
		Change: evenkeel.Change{
			Title: "Verify that " + r.cfg.Member + " cannot catch up any more", Ref: "cps:1390-1416", Host: r.manager,
			Op: &evenkeel.Op{Effect: evenkeel.ReadOnly, Text: text, Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
				res, err := at.Run(ctx, r.manager, oplog)
				if err != nil {
					return res, err
				}
				window, err := mongo.ParseReplicationInfo(steps.Output("rs.printReplicationInfo()", printed(res)))
				if err != nil {
					return res, err
				}
				if res, err = at.Run(ctx, r.manager, lag); err != nil {
					return res, err
				}
				list, err := mongo.ParseSlaveReplicationInfo(steps.Output("rs.printSlaveReplicationInfo()", printed(res)))
				if err != nil {
					return res, err
				}
				i := slices.IndexFunc(list, func(s mongo.SecondaryInfo) bool { return s.Source == r.cfg.Member })
				if i < 0 {
					return res, fmt.Errorf("rs.printSlaveReplicationInfo() does not speak of %s", r.cfg.Member)
				}
				if ok, _ := window.Covers(list[i].Lag, 1); ok && !r.cfg.EvenIfItMayCatchUp {
					return res, evenkeel.NeedsOperator("%s is %s behind, and the oplog reaches %s back: it may still catch up. Wait; or set "+
						"even_if_it_may_catch_up: true", r.cfg.Member, printable.Duration(list[i].Lag), printable.Duration(window.Window()))
				}
				return res, nil
			}},
		},
	}
}

func (r *recovery) unit() string { return fmt.Sprintf("sessionmgr-%d", r.member.Port) }

// listens waits until the process of the member is there, or gone: systemctl may say that it has stopped it, and it is still
// there (cps:1869-1876).
func (r *recovery) listens(id string, want bool) evenkeel.Action {
	word := map[bool]string{true: "runs", false: "is gone"}[want]
	a := evenkeel.Look(id, fmt.Sprintf("Wait until the process of %s %s", r.cfg.Member, word), steps.ListProcesses.Argv...).On(r.member.Host).
		From("cps:1876").Until(5*time.Minute, map[bool]string{true: "a mongod of the port", false: "no mongod of the port"}[want],
		evenkeel.Succeeding(func(o evenkeel.Observed) error {
			list, err := steps.ProcessesOf(o.Result)
			if err != nil {
				return err
			}
			if cps.Listens(list, r.member.Port) != want {
				advice := map[bool]string{true: ": look at journalctl -u " + r.unit(),
					false: ": where it stays, kill it by hand, and resume (cps:1876)"}[want]
				return evenkeel.NotYet(10*time.Second, "the process is %s%s", map[bool]string{true: "not there", false: "still there"}[want], advice)
			}
			return nil
		}))
	a.Paper = steps.Again(steps.Prints(a.Cmd,
		fmt.Sprintf(`| awk 'NR == 1 { seen = /PID/ } tolower($0) ~ /mongo/ && $0 ~ /(^|[^0-9])%d([^0-9]|$)/ && !/awk / `+
			`{ any = 1 } END { print !seen ? "NOT known" : any ? "it runs" : "it is gone" }'`, r.member.Port), "it "+word))
	return a
}

// systemctl stops or starts the process of the member.
func (r *recovery) systemctl(verb, ref string) evenkeel.Action {
	title := map[string]string{"stop": "Stop", "start": "Start"}[verb] + " the process of " + r.cfg.Member
	return evenkeel.Do(verb, title, "/usr/bin/systemctl", verb, r.unit()).On(r.member.Host).From(ref).Timeout(steps.Briefly)
}

func (r *recovery) stop() evenkeel.Step {
	return evenkeel.Step{
		ID: "stop", Title: "Stop the process of the member", Host: r.member.Host, Ref: "cps:1418,1865-1876",
		Actions: []evenkeel.Action{r.keeps("keeps").AsPrecondition(), r.systemctl("stop", "cps:1869"), r.listens("stopped", false)},
		Undo:    []evenkeel.Action{r.systemctl("start", "cps:1869"), r.listens("running", true)},
	}
}

// leave removes the member.
func (r *recovery) leave() evenkeel.Step {
	remove := evenkeel.Action{
		ID: "remove", Change: evenkeel.Change{
			Title: "Remove " + r.cfg.Member, Ref: "cps:1419", Host: r.manager, Repeat: evenkeel.ProbeFirst,
			Cmd: r.shell(sshexec.Mutating, fmt.Sprintf(`var r = rs.remove("%s"); printjson(r); if (!r.ok) quit(1)`, r.cfg.Member)),
		},
	}
	gone := r.inSet(false)
	remove.Probe = &gone
	return evenkeel.Step{
		ID: "remove", Title: "Remove the member from its replica set", Host: r.manager, Ref: "cps:1419-1421",
		Needs: []evenkeel.FactKey{memberDocument},
		Actions: []evenkeel.Action{r.keeps("keeps").AsPrecondition(), remove, steps.Proof(remove, "removed",
			"Verify that "+r.cfg.Member+" is no member")},
		Undo: r.add(),
	}
}

// add adds the member as it was.
func (r *recovery) add() []evenkeel.Action {
	add := evenkeel.Action{
		ID: "add", Change: evenkeel.Change{
			Title: "Add " + r.cfg.Member + " as it was", Ref: "cps:1419", Host: r.manager, Repeat: evenkeel.ProbeFirst,
			Cmd: r.shell(sshexec.Mutating, "var r = rs.add("+memberDocument.Ref()+"); printjson(r); if (!r.ok) quit(1)"),
		},
	}
	there := r.inSet(true)
	add.Probe = &there
	same := evenkeel.Look("as-before", "Verify that the member is configured as before", r.document().Argv...).On(r.manager).
		Expecting("the document that preflight noted", evenkeel.Succeeding(func(o evenkeel.Observed) error {
			before, err1 := memberDocument.Get(o.Facts)
			now, err2 := r.documentIn(o)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			if now != before {
				return fmt.Errorf("%s is %s, and was %s: put it right by rs.reconfig() on the primary, and resume", r.cfg.Member, now, before)
			}
			return nil
		}))
	same.Cmd = r.document()
	same.Paper = []evenkeel.Block{{
		Script: evenkeel.Typed(r.document()) + withoutLog + " | diff - <(echo " + memberDocument.Ref() + ") && echo as before",
		Shows:  []string{"as before"},
	}}
	return []evenkeel.Action{add, same}
}

// empty deletes the data of the member, which is no member now and whose process is gone.
func (r *recovery) empty() evenkeel.Step {
	gone := r.inSet(false)
	outside := evenkeel.Prove("outside", "Verify that "+r.cfg.Member+" is no member",
		evenkeel.Proof{Host: r.manager, Cmd: gone.Cmd, Text: gone.Text,
			Check: func(o evenkeel.Observed) error {
				result, err := gone.Read(o)
				if err == nil && result != evenkeel.Done {
					err = fmt.Errorf("%s is a member", r.cfg.Member)
				}
				return err
			}})
	outside.Paper = gone.Paper
	list := evenkeel.Look("empty", "Verify that nothing is left", "ls", "-A", r.set.DataPath).On(r.member.Host).
		Expecting("nothing", evenkeel.Says(""))
	list.Paper = steps.Prints(list.Cmd, "| wc -l | tr -d ' '", "0")
	return evenkeel.Step{
		ID: "empty", Title: "Delete the data of the member", Host: r.member.Host, Ref: "cps:1419-1421",
		Actions: []evenkeel.Action{
			evenkeel.ByHand("confirm", "Confirm that the data are deleted",
				fmt.Sprintf("The data of %s in %s on %s are deleted now; the other members of %s "+
					"have them. Confirm it.", r.cfg.Member, r.set.DataPath, r.member.Host, r.set.Title())),
			r.keeps("keeps").AsPrecondition(), r.listens("stopped", false).AsPrecondition(), outside.AsPrecondition(),
			evenkeel.Disrupt("delete", "Delete what is in "+r.set.DataPath, "find", r.set.DataPath, "-mindepth", "1", "-delete").
				Timeout(2 * time.Hour),
			list,
		},
		Irreversible: "the data of " + r.cfg.Member + " are deleted: it copies those of the other members",
	}
}

func (r *recovery) start() evenkeel.Step {
	return evenkeel.Step{
		ID: "start", Title: "Start the process with nothing", Host: r.member.Host, Ref: "cps:1419-1421",
		Actions: []evenkeel.Action{r.systemctl("start", "cps:1869"), r.listens("running", true)},
		Undo:    []evenkeel.Action{r.systemctl("stop", "cps:1869"), r.listens("stopped", false)},
	}
}

// back adds the member, and waits until it has copied the data.
func (r *recovery) back() evenkeel.Step {
	copied := r.row("copied", "Wait until "+r.cfg.Member+" has copied the data", "cps:1356").
		Until(r.cfg.CopyTime, "SECONDARY or PRIMARY, and on-line",
			r.table(func(row cps.TableMember, there bool) error {
				switch {
				case !there:
					return evenkeel.NotYet(time.Minute, "%s is not in the table yet", r.cfg.Member)
				case !row.HoldsData():
					return evenkeel.NotYet(time.Minute, "%s is %s (%s): it copies the data, or catches up", r.cfg.Member, row.State, row.Health)
				}
				return nil
			}))
	copied.Paper = steps.Again(steps.Prints(copied.Cmd, fmt.Sprintf(`| members | grep '^%s %s '`, r.set.Title(), r.member.Host),
		r.set.Title()+" "+r.member.Host+" is at work"))
	copied.Takes = evenkeel.Estimate{Most: r.cfg.CopyTime,
		From: "copy_time, the limit for the copy of the data; how long the copy really takes is not known"}
	return evenkeel.Step{
		ID: "back", Title: "Add the member and wait until it has the data", Host: r.manager, Ref: "cps:1419-1421,1356",
		Needs: []evenkeel.FactKey{memberDocument}, Actions: append(r.add(), copied), Verify: []evenkeel.Action{r.healthy("health")},
		Harmless: "the member is back, as it was",
	}
}
