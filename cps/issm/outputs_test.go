package issm_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/issm"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// planned are the runbooks of every branch, with the facts that a run would know.
type planned struct {
	name  string
	rb    *evenkeel.Runbook
	facts evenkeel.Facts
}

// everyRunbook gives the migration in all its branches, and the rollback.
func everyRunbook(t testing.TB) []planned {
	t.Helper()
	rb, o := holdAt(t, issm.Config{ArchiveDir: t.TempDir()}, cpstest.Options{}, "calls")
	back, err := rb.RollbackPlan(o.state(t))
	require.NoError(t, err)
	facts := maps.Clone(o.state(t).Facts)
	facts["boot.cluman"] = []byte(`"6f0cf4f5-0df4-4a39-a7a4-1c3bd1e4e5a1"`)
	for name, raw := range o.state(t).Facts { // set 2 is not there yet: what holds for set 1 is of the same form
		facts[strings.ReplaceAll(name, "set-1", "set-2")] = raw
	}
	even, odd, err := cps.SplitClusterSets(guideHosts(t))
	require.NoError(t, err)
	list := []planned{{"migration", rb, facts}, {"rollback", back, facts}}
	for name, cfg := range map[string]issm.Config{
		"provisioned": {Provision: true, SkipCarbon: true, StaticRoutes: true, RestartAll: true, RemoveISO: true, RemoveUdevRules: true,
			UpgradeLogger: true},
		"shared storage": {UseSharedStorage: true, SingleClusterCorosync: true, SourceISO: "/root/old.iso"},
		"two clusters":   {NoSSH: true, UseCL: true, PeerPcrfclient: "b-pcrfclient01"},
		"OpenStack":      {Platform: issm.OpenStack},
		"routes":         {Routes: []issm.RouteFile{routesOf(t, "lb01", "route-eth1", gxRoutes)}},
		"cloud":          cloudConfig(t, true),
		"own sets":       {Set1: odd, Set2: even},
		"watched":        watched(issm.Config{}),
	} {
		cfg.ArchiveDir = t.TempDir()
		list = append(list, planned{name, runbook(t, cfg), facts})
	}
	return list
}

// each visits every action of a runbook.
func (p planned) each(visit func(where string, a evenkeel.Action)) {
	for _, s := range p.rb.Steps {
		for _, a := range slices.Concat(s.Actions, s.Verify, s.Undo) {
			visit(p.name+", "+s.ID+"/"+a.ID, a)
		}
	}
}

// find gives an action by "step/action".
func (p planned) find(t testing.TB, at string) evenkeel.Action {
	t.Helper()
	var found *evenkeel.Action
	p.each(func(where string, a evenkeel.Action) {
		if where == p.name+", "+at && found == nil {
			found = &a
		}
	})
	require.NotNil(t, found, at)
	return *found
}

func (p planned) seen(stdout string, exit int) evenkeel.Observed {
	return evenkeel.Observed{Result: sshexec.Result{Outcome: evenkeel.Exited, ExitCode: exit, Stdout: []byte(stdout)},
		Host: "h", Facts: p.facts}
}

// otherOutputs are outputs that answer no question of these runbooks.
func otherOutputs() map[string]string {
	noise := make([]byte, 400)
	source := rand.NewChaCha8([32]byte{7})
	_, _ = source.Read(noise)
	return map[string]string{
		"nothing":         "",
		"an empty line":   "\n",
		"no such command": "bash: diagnostics.sh: command not found\n",
		"a usage text": "Usage: ps [options]\n\n Try 'ps --help <simple|list|output|threads|misc|all>'\n  or 'ps --help " +
			"<s|l|o|t|m|a>'\n for additional help text.\n",
		"a word":         "OK\n",
		"good words":     "SUCCESS\nRunning\nactive (running)\nCOMPLETED\n[PASS]\nready\n",
		"a login banner": "Last login: Mon Jul 19 10:00:00 2021 from 10.0.0.1\nAuthorized users only.\n",
		"a web page":     "<html><head><title>503</title></head><body>Service Unavailable</body></html>\n",
		"noise":          string(noise),
	}
}

// exitOnly are the actions of which nothing but the exit status tells, with the reason.
var exitOnly = map[string]string{
	"image":                 "test -s prints nothing: its exit status is the answer",
	"sync":                  "the guide shows no output of grafana_sync.sh; once more does no harm, and both sides are compared in preflight",
	"remove":                "rm -f prints nothing; what the runbook relies on is listed afterwards",
	"umount":                "umount prints nothing; /proc/mounts is read before and afterwards",
	"mount":                 "mount prints nothing; /proc/mounts is read before and afterwards",
	"upload":                "dd prints nothing; the sum is compared by the next action",
	"rename":                "mv prints nothing; the sum was compared by the action before, under the name that is given now",
	"unset":                 "the mongo shell's exit status; the state is read again by the verification",
	"bump":                  "the mongo shell's exit status; the state is read again by the verification",
	"replace":               "the mongo shell's exit status; the state is read again by the verification",
	"skip":                  "tee repeats its input; the file is read afterwards",
	"write-1":               "dd prints nothing; the file is compared by the verification",
	"write-2":               "dd prints nothing; the file is compared by the verification",
	"provision":             "the guide shows no output of deploy_all.py --provision; the deployment is proven VM by VM",
	"cleanup":               "the guide shows no output of deploy_all.py --cleanupbackup",
	"restart":               "the guide shows no output of restartall.sh; the whole cluster is looked at afterwards",
	"copy-logback":          "cp prints nothing; the copy is written anew by the next action",
	"put-logback":           "dd prints nothing; the sum is compared by the next action",
	"replace-logback":       "mv prints nothing; the sum is compared by the verification",
	"clear-logback":         "rm -f prints nothing; what it removes is read by nobody",
	"put-<vm>-<file>":       "dd prints nothing; the sum is compared once the file has its name",
	"route-<vm>-<file>":     "mv prints nothing; the sum is compared by the next action",
	"reboot":                "it prints nothing; the boot id and the replica sets tell",
	"corosync-stop":         "monit prints nothing; its status is read before and afterwards",
	"corosync-start":        "monit prints nothing; its status is read before and afterwards",
	"deploy":                "the guide shows no output of deploy_all.py; each VM is waited for by its system",
	"deploy-<alias>":        "the guide shows no output of deploy.sh; each VM is waited for by its system",
	"silence":               "a command of the site, of which nothing is known; the state is read before and afterwards",
	"unsilence":             "a command of the site, of which nothing is known; the state is read before and afterwards",
	"monit-<load balancer>": "systemctl start prints nothing; its status is read before and afterwards",
}

func exitOnlyKey(id string) string {
	switch {
	case strings.HasPrefix(id, "deploy-"):
		return "deploy-<alias>"
	case strings.HasPrefix(id, "put-lb"):
		return "put-<vm>-<file>"
	case strings.HasPrefix(id, "route-lb"):
		return "route-<vm>-<file>"
	case strings.HasPrefix(id, "monit-"):
		return "monit-<load balancer>"
	}
	return id
}

// TestNoOutputPasses: exit status 0 with nothing printed, or with something else than what was asked for, passes no
// check of both runbooks and lets no probe say that an action was done, or that it was not.
func TestNoOutputPasses(t *testing.T) {
	only := map[string]bool{}
	checks, probes := 0, 0
	for _, p := range everyRunbook(t) {
		p.each(func(where string, a evenkeel.Action) {
			for name, out := range otherOutputs() {
				o := p.seen(out, 0)
				switch {
				case a.Expect.Check != nil && len(a.Cmd.Argv) > 0:
					checks++
					require.Error(t, a.Expect.Check(o), "%s passes on %s", where, name)
					o.Truncated = true
					require.Error(t, a.Expect.Check(o), "%s passes on %s, cut off", where, name)
				case len(a.Cmd.Argv) > 0:
					only[exitOnlyKey(a.ID)] = true
					require.Contains(t, exitOnly, exitOnlyKey(a.ID), "%s passes on %s: only its exit status counts, and nobody says why", where, name)
				}
				if a.Probe == nil {
					continue
				}
				probes++
				trace, err := a.Probe.Read(p.seen(out, 0))
				if a.ID == "skip" && strings.TrimSpace(out) == "" { // an empty file is a file without the lines
					require.Equal(t, evenkeel.NotRun, trace)
					continue
				}
				require.Error(t, err, "the probe of %s says %s on %s", where, trace, name)
				require.Equal(t, evenkeel.Inconclusive, trace, "the probe of %s on %s", where, name)
				trace, _ = a.Probe.Read(p.seen(out, 127))
				require.NotEqual(t, evenkeel.Done, trace, "the probe of %s says done on %s with exit status 127", where, name)
			}
		})
	}
	for id := range exitOnly {
		require.True(t, only[id], "%s is in the list of exceptions, and is none", id)
	}
	require.Greater(t, checks, 500)
	require.Greater(t, probes, 300)
}

// TestEveryCommandHasALimit: what changes something cannot hang for ever.
func TestEveryCommandHasALimit(t *testing.T) {
	changing := 0
	for _, p := range everyRunbook(t) {
		p.each(func(where string, a evenkeel.Action) {
			cmds := []sshexec.Cmd{a.Cmd}
			if a.Op != nil {
				for _, c := range a.Op.Cmds {
					cmds = append(cmds, c.Cmd)
				}
			}
			for _, c := range cmds {
				if len(c.Argv) > 0 && c.Effect != evenkeel.ReadOnly {
					changing++
					require.Positive(t, c.Timeout, "%s: %s", where, c)
				}
			}
		})
	}
	require.Greater(t, changing, 100)
}

// liar is a simulated cluster of which a command is answered by somebody else.
type liar struct {
	simulated
	answer func(host string, cmd sshexec.Cmd) (stdout string, lies bool)
}

func (l liar) Runner(host string) (sshexec.Runner, error) {
	r, err := l.simulated.Runner(host)
	if err != nil {
		return nil, err
	}
	says := func(text string) sshexec.Result {
		return sshexec.Result{Outcome: evenkeel.Exited, Stdout: []byte(text)}
	}
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		job, isJob := sshexec.SimJobStart(cmd)
		if isJob {
			cmd = job.Cmd
		}
		out, lies := l.answer(host, cmd)
		liedJobs.Lock()
		defer liedJobs.Unlock()
		switch text, known := liedJobs.Look(cmd); {
		case lies && isJob:
			job.End = says(out)
			liedJobs.SimJobs[job.Dir] = job
			return says("started\n"), nil
		case lies:
			return says(out), nil
		case known && text != "none\n":
			return says(text), nil
		case isJob:
			cmd = job.Start
		}
		return r.Run(ctx, cmd)
	}), nil
}

// liedJobs are the jobs that somebody else has answered.
var liedJobs = struct {
	sync.Mutex
	sshexec.SimJobs
}{SimJobs: sshexec.SimJobs{}}

// run takes a runbook to its end, or to where it stops.
func (l liar) run(rb *evenkeel.Runbook, records ...evenkeel.Record) error {
	journal := &evenkeel.MemJournal{}
	for _, r := range records {
		_ = journal.Append(r)
	}
	opts := evenkeel.Options{Journal: journal, Clock: l.Clock(), Operator: &technician{world: l.simulated}, Serial: true,
		RunID: testRun, Holder: "test"}
	var err error
	if len(records) > 0 {
		_, err = evenkeel.Resume(context.Background(), rb, l, opts)
	} else {
		_, err = evenkeel.Run(context.Background(), rb, l, opts)
	}
	return err
}

// TestNoOutputPassesInAnOperation is the same for what operations read, and for the facts that are read out of outputs:
// the run stops there.
func TestNoOutputPassesInAnOperation(t *testing.T) {
	for name, out := range otherOutputs() {
		for _, lie := range []struct{ command, host, stops string }{
			{"cat /etc/passwd", "qns02", "disable-set-1, action users"},
			{"ls -1a /var/tmp", "cluman", "backup-cluman, action mark"},
			{"sha256sum /var/broadhop/.htpasswd", "pcrfclient01", "preflight, action htpasswd-first"},
			{"cat /proc/sys/kernel/random/boot_id", "cluman", "udev, action boot-id"},
		} {
			w := liar{deploy(t, cpstest.Options{}), func(host string, cmd sshexec.Cmd) (string, bool) {
				return out, host == lie.host && strings.Join(cmd.Argv, " ") == lie.command
			}}
			err := w.run(runbook(t, issm.Config{ArchiveDir: t.TempDir(), RemoveUdevRules: true}))
			require.ErrorContains(t, err, lie.stops, "%s answers %s", lie.command, name)
			require.NoError(t, w.Check())
		}
	}
}

// statusTable is the table of a cluster that is well.
func statusTable(t testing.TB) *cps.ReplicaTable {
	t.Helper()
	return tableOf(t, diagnosticsOf(t, "--get_replica_status"))
}

func tableOf(t testing.TB, out string) *cps.ReplicaTable {
	t.Helper()
	table, err := cps.ParseReplicaTable(strings.NewReader(out))
	require.NoError(t, err)
	return table
}

// diagnosticsOf is what diagnostics.sh prints on a cluster that is well.
func diagnosticsOf(t testing.TB, options ...string) string {
	t.Helper()
	return commandOf(t, append([]string{"diagnostics.sh"}, options...)...)
}

// commandOf is what a program prints on the Cluster Manager of a cluster that is well.
func commandOf(t testing.TB, argv ...string) string {
	t.Helper()
	r, err := deploy(t, cpstest.Options{}).Runner("cluman")
	require.NoError(t, err)
	res, err := r.Run(context.Background(), sshexec.Command(sshexec.ReadOnly, argv...))
	require.NoError(t, err)
	return string(res.Stdout)
}

// change gives the table with one member changed, or left out.
func change(t testing.TB, table *cps.ReplicaTable, set int, host string, edit func(*cps.TableMember)) string {
	t.Helper()
	c := *table
	c.Sets = slices.Clone(c.Sets)
	members := slices.Clone(c.Sets[set].Members)
	for i := range members {
		if members[i].Host == host && edit != nil {
			edit(&members[i])
		}
	}
	if edit == nil {
		members = slices.DeleteFunc(members, func(m cps.TableMember) bool { return m.Host == host })
	}
	c.Sets[set].Members = members
	return printed(t, &c)
}

func state(s cps.MemberState) func(*cps.TableMember) {
	return func(m *cps.TableMember) { m.State = s }
}

func offline(m *cps.TableMember) { m.Health = cps.OffLine }

// TestEachMemberIsAwaited: where all members are to be at work, the lack of any single one stops the run, in each way
// in which it can be missing, arbiters too.
func TestEachMemberIsAwaited(t *testing.T) {
	all := everyRunbook(t)
	good := statusTable(t)
	ways := map[string]func(*cps.TableMember){
		"not listed": nil, "off-line": offline, "recovering": state(cps.StateRecovering),
		"in its second start": state("STARTUP2"), "rolling back": state("ROLLBACK"),
		"unreachable":                  func(m *cps.TableMember) { m.State, m.Health = cps.StateUnreachable, cps.OffLine },
		"on another port":              func(m *cps.TableMember) { m.Port++ },
		"of a state that nobody knows": state("FROBNICATING"),
	}
	everybody := []string{"arbitervip", "sessionmgr01", "sessionmgr02"}
	for at, hosts := range map[string][]string{
		"migration, preflight/replicas":       everybody,
		"migration, restore-cluman/replicas":  everybody,
		"migration, members-set-1/synced":     everybody,
		"migration, members-set-2/synced":     everybody,
		"migration, disable-set-2/first-half": {"arbitervip", "sessionmgr02"},
		"migration, traffic-restore/whole":    everybody,
		"migration, final/replicas":           everybody,
		"rollback, rolled-back/replicas":      everybody,
	} {
		name, action, _ := strings.Cut(at, ", ")
		p := all[slices.IndexFunc(all, func(p planned) bool { return p.name == name })]
		a := p.find(t, action)
		require.NoError(t, a.Expect.Check(p.seen(printed(t, good), 0)), at)
		require.Error(t, a.Expect.Check(p.seen(printed(t, good), 1)), at)
		for set := range good.Sets {
			for _, host := range hosts {
				base := good
				if host == "sessionmgr01" { // the other one leads, so that the lack of a primary does not hide the lack of the member
					base = tableOf(t, change(t, good, set, "sessionmgr02", state(cps.StatePrimary)))
					base = tableOf(t, change(t, base, set, host, state(cps.StateSecondary)))
					require.NoError(t, a.Expect.Check(p.seen(printed(t, base), 0)), at)
				}
				for way, edit := range ways {
					require.Error(t, a.Expect.Check(p.seen(change(t, base, set, host, edit), 0)), "%s passes with %s of %s %s", at,
						host, good.Sets[set].Title(), way)
				}
			}
			strange := change(t, good, set, "arbitervip", func(m *cps.TableMember) { m.Host = "sessionmgr77" })
			require.Error(t, a.Expect.Check(p.seen(strange, 0)), "%s passes with a member that nobody planned", at)
		}
	}
}

// TestGuardsLookAtTheRightHalf: what a half is to carry alone is asked of that half, and of each replica set.
func TestGuardsLookAtTheRightHalf(t *testing.T) {
	all := everyRunbook(t)
	good := statusTable(t)
	for at, half := range map[string]int{
		"migration, disable-set-1/other-half": 2, "migration, disable-set-1/settled": 2,
		"migration, disable-set-2/other-half": 1, "migration, disable-set-2/settled": 1,
		"migration, traffic-swap/whole": 1, "rollback, rollback/other-half": 2, "rollback, rollback/settled": 2,
		"rollback, restore-cluman/replicas": 2,
	} {
		name, action, _ := strings.Cut(at, ", ")
		p := all[slices.IndexFunc(all, func(p planned) bool { return p.name == name })]
		a := p.find(t, action)
		mine, others := "sessionmgr02", "sessionmgr01"
		if half == 2 {
			mine, others = others, mine
		}
		for set := range good.Sets {
			lead := func(host string) *cps.ReplicaTable { // host is primary, the other one follows
				c := change(t, good, set, host, state(cps.StatePrimary))
				other := map[string]string{mine: others, others: mine}[host]
				return tableOf(t, change(t, tableOf(t, c), set, other, state(cps.StateSecondary)))
			}
			require.NoError(t, a.Expect.Check(p.seen(printed(t, lead(mine)), 0)), at)
			require.NoError(t, a.Expect.Check(p.seen(change(t, lead(mine), set, others, state(cps.StateRecovering)), 0)),
				"%s asks the half that goes", at)
			require.Error(t, a.Expect.Check(p.seen(change(t, lead(others), set, mine, state(cps.StateRecovering)), 0)),
				"%s passes without %s in %s", at, mine, good.Sets[set].Title())
			require.Error(t, a.Expect.Check(p.seen(change(t, lead(others), set, mine, nil), 0)), "%s passes without %s in %s",
				at, mine, good.Sets[set].Title())
			require.Error(t, a.Expect.Check(p.seen(change(t, lead(mine), set, mine, state(cps.StateSecondary)), 0)),
				"%s passes without a primary", at)
			require.Error(t, a.Expect.Check(p.seen(change(t, lead(mine), set, mine, offline), 0)), "%s passes with a primary that is off-line", at)
		}
	}
}

// TestRemovedMeansEachMember: a half has left the replica sets when none of its members is listed anywhere, and the other half's are.
func TestRemovedMeansEachMember(t *testing.T) {
	all := everyRunbook(t)
	good := statusTable(t)
	for half, goes := range map[int]string{1: "sessionmgr02", 2: "sessionmgr01"} {
		stays := map[string]string{"sessionmgr02": "sessionmgr01", "sessionmgr01": "sessionmgr02"}[goes]
		gone := good
		for set := range good.Sets {
			gone = tableOf(t, change(t, gone, set, goes, nil))
			gone = tableOf(t, change(t, gone, set, stays, state(cps.StatePrimary)))
		}
		p := all[0]
		removed := p.find(t, fmt.Sprintf("disable-set-%d/removed", half))
		left := p.find(t, fmt.Sprintf("disable-set-%d/disable", half)).Probe
		require.NoError(t, removed.Expect.Check(p.seen(printed(t, gone), 0)))
		trace, err := left.Read(p.seen(printed(t, gone), 0))
		require.NoError(t, err)
		require.Equal(t, evenkeel.Done, trace)
		require.Error(t, removed.Expect.Check(p.seen(printed(t, good), 0)))
		trace, err = left.Read(p.seen(printed(t, good), 0))
		require.NoError(t, err)
		require.Equal(t, evenkeel.NotRun, trace)
		for set := range good.Sets {
			one := *gone
			one.Sets = slices.Clone(gone.Sets)
			members := good.Sets[set].Members
			at := slices.IndexFunc(members, func(m cps.TableMember) bool { return m.Host == goes })
			left2 := members[at]
			left2.State, left2.Health = cps.StateUnreachable, cps.OffLine
			one.Sets[set].Members = append(slices.Clone(gone.Sets[set].Members), left2)
			require.Error(t, removed.Expect.Check(p.seen(printed(t, &one), 0)), "%s is left in %s", goes, good.Sets[set].Title())
			trace, err = left.Read(p.seen(printed(t, &one), 0))
			require.NoError(t, err)
			require.Equal(t, evenkeel.Partial, trace)
			require.Error(t, removed.Expect.Check(p.seen(change(t, gone, set, stays, nil), 0)), "the other half has left %s too",
				good.Sets[set].Title())
			trace, _ = left.Read(p.seen(change(t, gone, set, stays, nil), 0))
			require.NotEqual(t, evenkeel.Done, trace)
		}
	}
}

// haproxyReport names endpoints that are not up.
func haproxyReport(state string, endpoints ...string) string {
	if len(endpoints) == 0 {
		return "Checking HAProxy statistics and ports...[PASS]\n"
	}
	out := "Checking HAProxy statistics and ports...\n[WARN]\n  -----\n"
	for _, e := range endpoints {
		out += "diameter-int1-vip-" + e + " " + state +
			"\n  Sessions (current,max,limit): 0,1, Rate (sessions,max,limit): 0,1, Last Status change (seconds): 60\n"
	}
	return out + "  -----\n"
}

// TestTrafficIsReadEndpointByEndpoint: who takes the traffic is told by each endpoint of each load balancer, and the
// swap is proven on both halves.
func TestTrafficIsReadEndpointByEndpoint(t *testing.T) {
	p := everyRunbook(t)[0]
	first, second := []string{"lb02-A", "lb02-B", "lb02-C"}, []string{"lb01-A", "lb01-B", "lb01-C"}
	both := slices.Concat(first, second)
	swapped := p.find(t, "traffic-swap/taken").Expect.Check
	probe := p.find(t, "traffic-swap/swap").Probe.Read
	restored := p.find(t, "traffic-restore/taken").Expect.Check
	for name, tc := range map[string]struct {
		report          string
		swap, swapDone  bool
		takes1, takes2  bool
		restored, error bool
	}{
		"all is well":     {report: haproxyReport(""), takes1: true, takes2: true, restored: true},
		"set 2 is silent": {report: haproxyReport("DOWN L4CON", second...), swap: true, swapDone: true, takes1: true},
		"set 2 is in maintenance": {report: haproxyReport("MAINT (via diameter/lb02)", second...), swap: true,
			swapDone: true, takes1: true},
		"set 2 is not looked at":        {report: haproxyReport("no check", second...), takes1: true},
		"an endpoint of set 2 is up":    {report: haproxyReport("DOWN L4CON", second[:2]...), takes1: true, takes2: true, restored: true},
		"set 1 is silent":               {report: haproxyReport("DOWN L4CON", first...), takes2: true},
		"nobody takes traffic":          {report: haproxyReport("DOWN L4CON", both...)},
		"of nobody":                     {report: haproxyReport("DOWN L4CON", "lb09-A"), error: true},
		"a state that nobody knows":     {report: haproxyReport("FROBNICATING", second...), error: true},
		"the list is cut off":           {report: strings.TrimSuffix(haproxyReport("DOWN L4CON", second...), "  -----\n"), error: true},
		"the counts of one are missing": {report: strings.Replace(haproxyReport("DOWN L4CON", second...), "Sessions", "", 1), error: true},
	} {
		t.Run(name, func(t *testing.T) {
			passes := func(want bool, check func(evenkeel.Observed) error, what string) {
				t.Helper()
				err := check(p.seen(tc.report, 0))
				require.Equal(t, want, err == nil, "%s: %v", what, err)
				require.Error(t, check(p.seen(tc.report, 1)), what)
			}
			passes(tc.swap, swapped, "swapped")
			passes(tc.restored, restored, "restored")
			passes(tc.takes2, p.find(t, "disable-set-1/other-traffic").Expect.Check, "an endpoint of set 2 is up")
			passes(tc.takes1, p.find(t, "disable-set-2/other-traffic").Expect.Check, "an endpoint of set 1 is up")
			trace, err := probe(p.seen(tc.report, 0))
			require.Equal(t, tc.error, err != nil, "%v", err)
			require.Equal(t, tc.swapDone, trace == evenkeel.Done)
		})
	}
}
