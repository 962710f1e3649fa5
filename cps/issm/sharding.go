package issm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// shardingStep makes the guide's three writes on the primary of an ADMIN set, each exactly once (cps:921-945,1292-1311, MON-025..029): the
// state is read and journalled first, and the version is raised only from the one that was read.
func (m *Migration) shardingStep(n int, rs cps.ReplicaSet) evenkeel.Step {
	name := fmt.Sprintf("sharding.set-%d.%s", n, rs.Name)
	primary := evenkeel.NewFact[string](name+".primary", "VM with the primary of "+rs.Name)
	port := evenkeel.NewFact[string](name+".port", "its port")
	before := evenkeel.NewFact[mongo.ShardingState](name+".before", "sharding state of "+rs.Name+" before the writes")
	version := evenkeel.NewFact[int64](name+".version", "version of its configuration before the writes")

	fix := mongo.ShardingFix{Set: rs.Name}
	shell := func(effect evenkeel.Effect, script string) sshexec.Cmd {
		return steps.WithTimeout(sshexec.Command(effect, m.cfg.Tools.Mongo, "--quiet", "--host", primary.Ref(), "--port",
			port.Ref(), mongo.ShardingDatabase, "--eval", script), 10*time.Minute)
	}
	read := shell(evenkeel.ReadOnly, fix.ReadScript())
	step := evenkeel.Step{
		ID: fmt.Sprintf("sharding-set-%d-%s", n, rs.Name), Title: "Put the sharding configuration of " + rs.Name + " right",
		Host: m.cfg.ClusterManager, Ref: ref(n, "921-945", "1292-1311"),
		Why: "The guide's second write raises a version by one, and is not the same when it is made twice. So the version " +
			"is noted first, and raised from that version only.",
		Makes: []evenkeel.FactKey{primary, port, before, version},
		Actions: []evenkeel.Action{
			{
				ID: "primary", Precondition: true, Makes: []evenkeel.Make{
					primary.From(m.fromPrimary(rs, func(p cps.TableMember) string { return p.Host })).Typed(m.primaryPaper(rs, 2)),
					port.From(m.fromPrimary(rs, func(p cps.TableMember) string { return strconv.Itoa(p.Port) })).Typed(m.primaryPaper(rs, 3)),
				},
				Change: evenkeel.Change{
					Title: "Find the primary", Cmd: m.replicaStatus(), Limit: 15 * time.Minute,
					Expect: evenkeel.Expect{Text: "one member of " + rs.Type + ":" + rs.Name + " is PRIMARY",
						Check: m.onTable(func(t *cps.ReplicaTable) error {
							_, err := primaryOf(t, rs)
							return steps.Soon(10*time.Second, err)
						})},
				},
			},
			{
				ID: "read", Makes: []evenkeel.Make{
					before.From(shardingState).Typed(evenkeel.Typed(read) + " | grep ^evenkeel-sharding-state"),
					version.From(versionOf).Typed(evenkeel.Typed(read) + ` | sed -n 's/.*"configVersion":\([0-9]*\).*/\1/p'`),
				},
				Change: evenkeel.Change{
					Title: "Read the state", Cmd: read, Expect: evenkeel.Expect{Text: "a line with the state", Check: func(o evenkeel.Observed) error {
						if err := o.Succeeded(); err != nil {
							return err
						}
						_, err := shardingState(o)
						return err
					}},
				},
			},
		},
		Verify: []evenkeel.Action{{
			ID: "fixed", Paper: slices.Concat(steps.Prints(read, `| grep -oE '"migratingShards":[0-9]+|"migrationStatus":"[A-Z]*"'`,
				`"migratingShards":0`, `"migrationStatus":"COMPLETE"`),
				steps.Prints(read, `| sed -n 's/.*"configVersion":\([0-9]*\).*/\1/p' | awk -v was=`+version.Ref()+
					` '{ print $1 == was + 1 ? "raised by one" : "NOT raised by one" } END { exit !NR }'`, "raised by one")),
			Change: evenkeel.Change{
				Title: "Verify that nothing of the migration is left", Cmd: read,
				Expect: evenkeel.Expect{Text: "no migratingShards, the version of the configuration one higher than noted, and the one " +
					"document of versions COMPLETE", Check: allWritten(fix, before)},
			},
		}},
		Harmless: "the configuration is what the new release needs",
	}
	for _, w := range fix.Steps(mongo.ShardingState{Set: rs.Name}) {
		if w.Op == mongo.BumpConfigVersion {
			w.Script = fix.BumpScript(version.Ref())
		}
		step.Actions = append(step.Actions, evenkeel.Action{
			ID: strings.Fields(w.Op.String())[0],
			Change: evenkeel.Change{
				Title: capital(w.Op.String()), Ref: w.Guide, Repeat: evenkeel.ProbeFirst, Cmd: shell(w.Effect, w.Script),
				Probe: &evenkeel.Probe{Cmd: read, Text: "the state follows from the one that was noted", Read: writeProbe(w, before)},
			},
		})
	}
	return step
}

// allWritten is a check that each of the writes has taken effect, once.
func allWritten(fix mongo.ShardingFix, before evenkeel.Fact[mongo.ShardingState]) steps.Checker {
	return evenkeel.Succeeding(func(o evenkeel.Observed) error {
		s, err := shardingState(o)
		if err == nil && !s.Fixed() {
			err = fmt.Errorf("it is not: %d documents with migratingShards, versions %v", s.MigratingShards, s.Versions)
		}
		for _, w := range fix.Steps(mongo.ShardingState{Set: fix.Set}) {
			if err != nil {
				return err
			}
			var result evenkeel.ProbeResult
			if result, err = writeProbe(w, before)(o); err == nil && result != evenkeel.Done {
				err = fmt.Errorf("it is not: %q has had no effect (%s)", capital(w.Op.String()), w.Guide)
			}
		}
		return err
	})
}

// primaryPaper prints a column of the row of the primary.
func (m *Migration) primaryPaper(rs cps.ReplicaSet, column int) string {
	return evenkeel.Typed(m.replicaStatus()) +
		fmt.Sprintf(` | replicas | awk '$1 == "%s" && $4 == "PRIMARY" { print $%d }'`, rs.Title(), column)
}

// shardingState reads what the shell printed.
func shardingState(o evenkeel.Observed) (mongo.ShardingState, error) {
	s, err := mongo.ParseShardingState(steps.Output("mongo shell", o.Result))
	if err != nil {
		return mongo.ShardingState{}, err
	}
	return *s, nil
}

// versionOf is the version of the configuration, or one that no document has.
func versionOf(o evenkeel.Observed) (int64, error) {
	s, err := shardingState(o)
	if err == nil && !s.HasConfig {
		return -1, nil
	}
	return s.ConfigVersion, err
}

// writeProbe tells whether a write has taken effect.
func writeProbe(w mongo.ShardingStep, before evenkeel.Fact[mongo.ShardingState]) func(evenkeel.Observed) (evenkeel.ProbeResult, error) {
	return func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
		if err := o.Succeeded(); err != nil {
			return evenkeel.Inconclusive, err
		}
		now, err := shardingState(o)
		if err != nil {
			return evenkeel.Inconclusive, err
		}
		if w.Before, err = before.Get(o.Facts); err != nil {
			return evenkeel.Inconclusive, err
		}
		done, err := w.Probe(now)
		return steps.DoneIf(done), err
	}
}

func primaryOf(t *cps.ReplicaTable, rs cps.ReplicaSet) (cps.TableMember, error) {
	set, _ := t.Set(rs.Title())
	p, ok := set.Primary()
	if !ok || p.Health != cps.OnLine {
		return cps.TableMember{}, fmt.Errorf("%s has no primary", rs.Title())
	}
	if !rs.Has(p) {
		return cps.TableMember{}, fmt.Errorf("the primary of %s is %s:%d, which mongoConfig.cfg does not know", rs.Title(), p.Host, p.Port)
	}
	return p, nil
}

func (m *members) fromPrimary(rs cps.ReplicaSet, pick func(cps.TableMember) string) func(evenkeel.Observed) (string, error) {
	return func(o evenkeel.Observed) (string, error) {
		t, err := m.parseTable(o.Result)
		if err != nil {
			return "", err
		}
		p, err := primaryOf(t, rs)
		return pick(p), err
	}
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
