package pair_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// run carries a scene out to its end.
func (s *scene) run(t *testing.T) *evenkeel.Report {
	t.Helper()
	report, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, &evenkeel.MemJournal{}))
	require.NoError(t, err)
	require.NoError(t, s.world.Check())
	return report
}

// magic is a resource that no profile knows, beside those of the site.
func magic(cib string) string {
	return strings.Replace(cib, "    </resources>", `<primitive id="magic" class="ocf" provider="acme" type="magic"/></resources>`, 1)
}

// acme is a user's own profile.
var acme = pair.Profile{Name: "acme", Agents: []string{"ocf:acme:magic"}, Of: func(r pacemaker.Resource) (pair.Traits, error) {
	return pair.Traits{Serves: r.ID, Gone: []pair.Look{pair.Process("it runs",
		func(args []string) bool { return args[0] == "/opt/acme/magic" })}}, nil
}}

var errStopped = errors.New("the tool crashed")

// stopping is a journal that cannot be written any more when a step has ended, as if the tool had crashed.
type stopping struct {
	evenkeel.Journal
	last string
}

func (j stopping) Append(r evenkeel.Record) error {
	if err := j.Journal.Append(r); err != nil {
		return err
	}
	if r.Kind == evenkeel.KindStepDone && r.Step == j.last {
		return errStopped
	}
	return nil
}

// What nothing is known of moves when the whole old cluster has stopped, and the plan says the price.
func TestWhatCannotBeProvenMovesLast(t *testing.T) {
	s := newScene(t, pairtest.Options{CIB: magic(pairtest.File("cib.xml"))}, nil)
	require.Contains(t, s.book.Intro, "magic is moved only when the whole old cluster has stopped: no profile knows ocf:acme:magic")
	s.run(t)
	require.Contains(t, s.world.EndState(), "magic on nfs1.example.com")
	ids := []string{}
	for _, step := range s.book.Steps {
		ids = append(ids, step.ID)
	}
	require.Contains(t, strings.Join(ids, " "), "ready-node1 move-nfs move-database stop-old-node2 shutdown-node2")

	// A profile of the user's own moves it with the others.
	s = newScene(t, pairtest.Options{CIB: magic(pairtest.File("cib.xml"))}, func(c *pair.Config) { c.Profiles = pair.Builtin().With(acme) })
	require.NotContains(t, s.book.Intro, "magic is moved only")
	s.run(t)
}

// What the old cluster says to have stopped, and what is still there, is not enabled on the other node.
func TestTheOldClusterIsNotTrusted(t *testing.T) {
	for liar, want := range map[string]string{
		"nfs-disk": "/dev/mapper/nfs is mounted on /srv/nfs", "nfs-server": `"[nfsd]" runs: the NFS server runs`,
		"nfs-export": "/srv/nfs/share is exported",
		"nfs-ip":     "eth0 has 192.168.7.100", "db-server": `"/usr/bin/postgres", runs: a server of /srv/db/data runs`,
		"db-ip": "eth0 has 192.168.7.101",
	} {
		t.Run(liar, func(t *testing.T) {
			s := newScene(t, pairtest.Options{Liars: []string{liar}}, nil)
			_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, &evenkeel.MemJournal{}))
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, "nfs2.example.com still holds")
			require.NoError(t, s.world.Check())
			require.NotContains(t, s.world.EndState(), liar+" on nfs1.example.com")
		})
	}
}

// What a technician leaves has no mount points, for the agent makes them, and what is unpacked there has the labels of /root, which sshd
// does not take: the run restores them.
func TestAFreshSystem(t *testing.T) {
	s := newScene(t, pairtest.Options{}, nil)
	relabelled := 0
	watch := func(r evenkeel.Record) {
		if r.Kind != evenkeel.KindStart || r.Action != "sshd" {
			return
		}
		relabelled++
		for _, name := range []string{"/etc/hosts", "/etc/ssh/ssh_host_rsa_key", "/root/.ssh/authorized_keys", "/etc/exports", "/etc/fence/nfs1"} {
			s.world.Do(func(st *simhost.State) {
				f, err := st.Host(r.Host).Lstat(name)
				require.NoError(t, err, name)
				require.Empty(t, f.Label, name)
				require.False(t, st.Host(r.Host).Exists("/srv/db"))
			})
		}
	}
	_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, listening{&evenkeel.MemJournal{}, watch}))
	require.NoError(t, err)
	require.Equal(t, 2, relabelled)
}

// What is still at work on the old node, though no table shows it any more, is waited for.
func TestWhatIsAtWorkIsWaitedFor(t *testing.T) {
	for _, args := range []string{"umount -l /srv/nfs", "umount /dev/dm-3", "/bin/sh /usr/lib/ocf/resource.d/heartbeat/Filesystem stop"} {
		s := newScene(t, pairtest.Options{}, nil)
		s.world.Do(func(st *simhost.State) { st.Host(pairtest.Node2).Spawn(st, args) })
		_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, &evenkeel.MemJournal{}))
		require.ErrorContains(t, err, "nfs2.example.com still holds", args)
		require.NoError(t, s.world.Check())
	}
}

// A node that lacks what a unit needs gets none, and the operator is told before anything is down.
func TestANodeThatCannot(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*simhost.State, *simhost.Host)
		want  string
	}{
		"no disk": {func(s *simhost.State, h *simhost.Host) { _ = h.Remove(s, "/dev/shared/nfs") },
			"nfs-disk wants that /dev/shared/nfs is there"},
		"no server": {func(s *simhost.State, h *simhost.Host) { _ = h.Remove(s, "/usr/bin/pg_ctl") },
			"db-server wants that /usr/bin/pg_ctl is there"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, pairtest.Options{}, nil)
			s.world.Do(func(st *simhost.State) { c.spoil(st, st.Host(pairtest.Node2)) })
			report, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, &evenkeel.MemJournal{}))
			require.ErrorContains(t, err, c.want)
			require.False(t, report.State.Changed)
		})
	}
}

// meddling does something in the world when a step has ended, once.
type meddling struct {
	evenkeel.Journal
	after string
	do    func()
}

func (j meddling) Append(r evenkeel.Record) error {
	if r.Kind == evenkeel.KindStepDone && r.Step == j.after {
		j.do()
	}
	return j.Journal.Append(r)
}

// What node 1 could not carry is told before anything is changed: node 2 has it all while node 1 is rebuilt, and node 1 afterwards.
func TestNode1HasToCarryAll(t *testing.T) {
	for _, node := range []string{pairtest.Node1, pairtest.Node2} {
		s := newScene(t, pairtest.Options{CIB: strings.Replace(pairtest.File("cib.xml"), "<constraints>",
			`<constraints><rsc_location id="ban" rsc="database" node="`+node+`" score="-INFINITY"/>`, 1)}, nil)
		report, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, &evenkeel.MemJournal{}))
		require.ErrorContains(t, err, "would run nowhere without "+map[string]string{pairtest.Node1: pairtest.Node2,
			pairtest.Node2: pairtest.Node1}[node])
		require.False(t, report.State.Changed)
	}
}

// What is on both nodes, or on none outside a window, ends the run, whoever did it.
func TestTheInvariantsHoldAllAlong(t *testing.T) {
	for name, c := range map[string]struct {
		meddle func(*simhost.State)
		after  string
		want   string
	}{
		"twice": {func(s *simhost.State) {
			s.Host(pairtest.Node1).Mount(s, simhost.Mount{Device: "/dev/mapper/db", Dir: "/srv/db", Type: "xfs", Options: "rw"})
		}, "backup-node2", "db-disk of database is active on nfs1.example.com and nfs2.example.com: stop one of them NOW"},
		"down": {func(s *simhost.State) { s.Host(pairtest.Node2).Unmount(s, "/srv/nfs") }, "install-node1",
			"/srv/nfs of nfs is served nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, pairtest.Options{}, nil)
			journal := meddling{&evenkeel.MemJournal{}, c.after, func() { s.world.Do(c.meddle) }}
			_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, journal))
			require.ErrorContains(t, err, c.want)
		})
	}
}

// A unit that somebody enabled again in the old cluster, after it was told to let it go, is not enabled in the new one.
func TestSomebodyEnablesItAgain(t *testing.T) {
	s := newScene(t, pairtest.Options{Liars: []string{"nfs-ip"}}, nil)
	again := func(r evenkeel.Record) {
		if r.Kind == evenkeel.KindEnd && r.Step == "move-nfs" && r.Action == "disable" {
			s.world.Do(func(st *simhost.State) {
				_, err := st.Run(pairtest.Node2, sshexec.Command(sshexec.Mutating, "pcs", "resource", "enable", "nfs"))
				require.NoError(t, err)
			})
		}
	}
	_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, listening{&evenkeel.MemJournal{}, again}))
	require.Error(t, err)
	require.NoError(t, s.world.Check())
	require.NotContains(t, s.world.EndState(), "nfs-disk on nfs1.example.com")
}

// It is not enough that it is gone: where it is enabled, the old cluster starts it again as soon as it can.
func TestGoneAndYetEnabled(t *testing.T) {
	s := newScene(t, pairtest.Options{}, nil)
	again := func(r evenkeel.Record) {
		if r.Kind == evenkeel.KindEnd && r.Step == "move-nfs" && r.Action == "disable" {
			s.world.Do(func(st *simhost.State) {
				for _, argv := range [][]string{{"pcs", "node", "standby", pairtest.Node2}, {"pcs", "resource", "enable", "nfs"}} {
					_, err := st.Run(pairtest.Node2, sshexec.Command(sshexec.Mutating, argv...))
					require.NoError(t, err)
				}
				st.Sleep(time.Minute)
			})
		}
	}
	_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, listening{&evenkeel.MemJournal{}, again}))
	require.ErrorContains(t, err, "nfs is not disabled")
	require.NoError(t, s.world.Check())
	require.NotContains(t, s.world.EndState(), "nfs-disk on nfs1.example.com")
}

type listening struct {
	evenkeel.Journal
	hear func(evenkeel.Record)
}

func (j listening) Append(r evenkeel.Record) error {
	err := j.Journal.Append(r)
	j.hear(r)
	return err
}

// What the engine looks at all along tells where everything is served.
func TestServing(t *testing.T) {
	s := newScene(t, pairtest.Options{}, nil)
	report := s.run(t)
	where := map[string]string{}
	for _, seen := range report.State.Serving {
		where[seen.What] = seen.Where
	}
	require.Equal(t, map[string]string{"/srv/nfs": pairtest.Node1, "NFS": pairtest.Node1, "export /srv/nfs/share": pairtest.Node1,
		"192.168.7.100": pairtest.Node1, "/srv/db": pairtest.Node2, "PostgreSQL in " +
			"/srv/db/data": pairtest.Node2, "192.168.7.101": pairtest.Node2}, where)
}

// A site's own provisioning installs the nodes, with the same evidence.
func TestProvisioning(t *testing.T) {
	s := newScene(t, pairtest.Options{InstallTime: -1}, func(c *pair.Config) {
		c.Provision = &pair.Provision{Host: pairtest.Provisioning, Argv: []string{"reinstall"}}
	})
	opts := options(s.world, &evenkeel.MemJournal{})
	opts.Operator = nil // nobody is asked
	report, err := evenkeel.Run(t.Context(), s.book, s.world, opts)
	require.NoError(t, err)
	require.True(t, report.State.Done)
	require.NoError(t, s.world.Check())
}

// Until a node is erased all can be undone; then a rollback goes as far back as it can, and says so.
func TestRollback(t *testing.T) {
	for last, barrier := range map[string]bool{"shutdown-node1": false, "move-database": true} {
		t.Run(last, func(t *testing.T) {
			s := newScene(t, pairtest.Options{}, nil)
			before := s.world.Hash()
			journal := &evenkeel.MemJournal{}
			opts := options(s.world, stopping{journal, last})
			_, err := evenkeel.Run(t.Context(), s.book, s.world, opts)
			require.ErrorIs(t, err, errStopped)
			opts.Journal = journal
			report, err := evenkeel.Rollback(t.Context(), s.book, s.world, opts)
			require.NoError(t, err)
			require.NoError(t, s.world.Check())
			require.Equal(t, barrier, report.Barrier != nil)
			if !barrier {
				// A stickiness of 100 beats a preference of 50: what moved stays, and that is told.
				require.Len(t, report.Differs, 4)
				require.Contains(t, report.Differs[0], "nfs-disk runs on nfs2.example.com, not on the node that it prefers")
				s.world.Advance(simhost.BootTime)
				require.Equal(t, strings.ReplaceAll(before, "on "+pairtest.Node1, "on "+pairtest.Node2), s.world.Hash())
				return
			}
			// Where the new cluster differs from the old one nobody is to make it alike: what is disabled there runs here.
			require.Contains(t, report.Differs[0], "nfs1.example.com runs RHEL 9 or a rebuild of it already")
			require.Contains(t, report.Differs[0], "Enable nothing in a cluster there: the units are those of nfs2.example.com")
			require.NotContains(t, strings.Join(report.Differs, "\n"), "target-role")
			for _, id := range []string{"nfs-ip", "db-server"} {
				require.Contains(t, s.world.EndState(), id+" on nfs2.example.com")
			}
		})
	}
}

// What somebody enabled in the new cluster, which a rollback has left disabled and in maintenance, is told at its end.
func TestARollbackTellsWhatIsEnabled(t *testing.T) {
	s := newScene(t, pairtest.Options{}, nil)
	journal := &evenkeel.MemJournal{}
	opts := options(s.world, stopping{journal, "move-database"})
	_, err := evenkeel.Run(t.Context(), s.book, s.world, opts)
	require.ErrorIs(t, err, errStopped)
	opts.Journal = listening{journal, func(r evenkeel.Record) {
		if r.Kind == evenkeel.KindStepUndone && r.Step == "ready-node1" {
			s.world.Do(func(st *simhost.State) {
				_, err := st.Run(pairtest.Node1, sshexec.Command(sshexec.Mutating, "pcs", "resource", "enable", "nfs"))
				require.NoError(t, err)
			})
		}
	}}
	report, err := evenkeel.Rollback(t.Context(), s.book, s.world, opts)
	require.NoError(t, err)
	require.NoError(t, s.world.Check())
	require.Contains(t, report.Differs[0], "Still enabled there: nfs. Disable them before that cluster acts again")
	require.NotContains(t, report.Differs[0], "database")
}

// addresses gives two nodes theirs.
func addresses(one, its, other, others string) func(*pair.Config) {
	return func(c *pair.Config) {
		c.Addresses = map[string][]string{one: strings.Fields(its), other: strings.Fields(others)}
	}
}

// What would stop an upgrade in the middle is said before it begins.
func TestLoadRefuses(t *testing.T) {
	cib := pairtest.File("cib.xml")
	for name, c := range map[string]struct {
		cib  string
		mend func(*pair.Config)
		want string
	}{
		"what the cluster does not move": {cib: strings.Replace(cib, `<group id="database">`, `<group id="database">`+meta("database",
			"is-managed", "false"), 1),
			want: "the cluster does not move db-disk (is-managed=false in its group database)"},
		"what nobody grants a ticket": {cib: strings.Replace(cib, "<constraints>",
			`<constraints><rsc_ticket id="t" rsc="nfs" ticket="east" loss-policy="stop"/>`, 1),
			want: "constraint t wants the ticket east, which nobody grants to the new cluster"},
		"a cluster at rest": {cib: strings.Replace(cib, `value="true"/>
      </cluster`, `value="true"/><nvpair id="mm" name="maintenance-mode" value="true"/>
      </cluster`, 1), want: "maintenance-mode is true: the cluster moves nothing"},
		"a node in standby": {cib: strings.Replace(cib, `<node id="2" uname="nfs2.example.com"/>`,
			`<node id="2" uname="nfs2.example.com"><instance_attributes id="n2"><nvpair id="sb" name="standby" value="on"/>`+
				`</instance_attributes></node>`, 1), want: "node nfs2.example.com is in standby"},
		"a release without pcs": {mend: func(c *pair.Config) { c.To = "sles16" },
			want: "made by crmsh, and this runbook has the words of pcs only"},
		"a release that was not tried": {mend: func(c *pair.Config) { c.To = "debian12" }, want: "was not tried on Debian"},
		"an unknown release":           {mend: func(c *pair.Config) { c.To = "el99" }, want: `unknown release "el99"`},
		"no password":                  {mend: func(c *pair.Config) { c.Password = "" }, want: "no password for hacluster"},
		"one machine":                  {mend: func(c *pair.Config) { c.Node2 = c.Node1 }, want: "node 1 and node 2 are the same machine"},
		"a short name":                 {mend: func(c *pair.Config) { c.Node1.Name = "nfs1" }, want: `"nfs1" is not a fully qualified name`},
		"the other's backup": {mend: func(c *pair.Config) { c.Node1.Backup, c.Node2.Backup = c.Node2.Backup, c.Node1.Backup },
			want: "is a backup of"},
		"a pattern": {mend: func(c *pair.Config) { c.Restore = []string{"/etc/*"} }, want: `restore: "/etc/*" is no absolute path`},
		"what is not backed up": {mend: func(c *pair.Config) { c.Restore = append(c.Restore, "/etc/nginx") },
			want: "has no /etc/nginx, which is needed later on"},
		"the same release":       {mend: func(c *pair.Config) { c.To = "el8" }, want: "to: el8 is no newer release than el8"},
		"an older release":       {mend: func(c *pair.Config) { c.From, c.To = "el9", "el8" }, want: "to: el8 is no newer release than el9"},
		"another release before": {mend: func(c *pair.Config) { c.From = "el7" }, want: "runs el8 (\"AlmaLinux release 8.10"},
		"addresses by short names": {mend: addresses("nfs1", "10.1.0.1 10.2.0.1", pairtest.Node2, "10.1.0.2 10.2.0.2"),
			want: `addresses: "nfs1" is neither nfs1.example.com nor nfs2.example.com`},
		"addresses of one node": {mend: addresses(pairtest.Node1, "10.1.0.1 10.2.0.1", pairtest.Node2, ""),
			want: "addresses: nfs2.example.com has 0, and corosync.conf has 2 links"},
		"fewer links": {mend: addresses(pairtest.Node1, "10.1.0.1", pairtest.Node2, "10.1.0.2"),
			want: "addresses: nfs1.example.com has 1, and corosync.conf has 2 links"},
		"half a link": {mend: addresses(pairtest.Node1, "10.1.0.1 10.2.0.1 10.3.0.1", pairtest.Node2, "10.1.0.2 10.2.0.2"),
			want: "addresses: nfs1.example.com has 3 and nfs2.example.com has 2"},
		"a wait of less than nothing": {mend: func(c *pair.Config) { c.Outage = -5 * time.Minute }, want: "outage: -5m0s is no time to wait"},
		"an option as package":        {mend: func(c *pair.Config) { c.Packages = []string{"--nogpgcheck"} }, want: "is no name of a package"},
	} {
		t.Run(name, func(t *testing.T) {
			w := pairtest.New(pairtest.Options{CIB: c.cib})
			cfg := config(t, w)
			if c.mend != nil {
				c.mend(&cfg)
			}
			_, err := pair.Load(cfg)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// What does not keep the upgrade back, and is not as it should be, stands in the plan.
func TestNotes(t *testing.T) {
	cib := strings.Replace(pairtest.File("cib.xml"), "<constraints>",
		`<constraints><rsc_location id="cli-prefer-nfs" rsc="nfs" node="nfs1.example.com" score="INFINITY"/>`, 1)
	s := newScene(t, pairtest.Options{CIB: cib}, nil)
	require.Contains(t, s.book.Intro, "- NOTE: constraint cli-prefer-nfs is left over from a move by hand")
}

// A blocker is gone on with only where it is said, and then it stands in the plan, and changes its digest.
func TestInSpiteOfABlocker(t *testing.T) {
	old := strings.Replace(pairtest.File("cib.xml"), "    </resources>",
		`<primitive id="old" class="ocf" provider="heartbeat" type="LVM"/></resources>`, 1)
	w := pairtest.New(pairtest.Options{CIB: old})
	cfg := config(t, w)
	_, err := pair.Load(cfg)
	require.ErrorIs(t, err, pair.ErrNotPossible)
	cfg.InSpite = true
	p, err := pair.Load(cfg)
	require.NoError(t, err)
	require.Positive(t, p.Report.Count(readiness.Blocker))
	book, err := p.Runbook()
	require.NoError(t, err)
	require.Contains(t, book.Intro, "BLOCKER, OVERRIDDEN: ")
}

// No text shows the password, and what it stands in is masked.
func TestThePasswordIsNotShown(t *testing.T) {
	s := newScene(t, pairtest.Options{}, nil)
	var text bytes.Buffer
	require.NoError(t, s.book.Markdown(&text))
	require.NotContains(t, text.String(), "geheim")
	journal := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, journal))
	require.NoError(t, err)
	for _, r := range journal.Records() {
		raw, err := json.Marshal(r)
		require.NoError(t, err)
		require.NotContains(t, string(raw), "geheim")
	}
}

// Two nodes that live in one cluster are never without fencing: what a lost node may have is started nowhere until that is fenced.
func TestTwoNodesAreNeverWithoutFencing(t *testing.T) {
	s := newScene(t, pairtest.Options{}, nil)
	var at string // the configuration when node 2 is about to start
	start := func(r evenkeel.Record) {
		if r.Kind == evenkeel.KindStart && r.Step == "join-node2" && r.Action == "start" {
			s.world.Do(func(st *simhost.State) {
				res, err := st.Run(pairtest.Node1, sshexec.Command(sshexec.ReadOnly, "cibadmin", "--query"))
				require.NoError(t, err)
				at = string(res.Stdout)
			})
		}
	}
	_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, listening{&evenkeel.MemJournal{}, start}))
	require.NoError(t, err)
	require.NoError(t, s.world.Check())
	cib, err := pacemaker.ParseCIB(strings.NewReader(at))
	require.NoError(t, err)
	fencing, _ := cib.Property("stonith-enabled")
	require.Equal(t, "true", fencing)
	for _, w := range cib.Wanted() {
		require.Equal(t, w.Class == "stonith", w.Disabled != "", w.ID)
	}
	require.Contains(t, s.world.EndState(), `fence-nfs1: ""`)
}
