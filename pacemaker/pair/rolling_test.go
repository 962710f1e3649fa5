package pair_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// rollingScene is a pair of EL 9 that gets the latest minor release.
func rollingScene(t testing.TB, o pairtest.Options, mend func(*pair.Config)) *scene {
	t.Helper()
	o.Release = "el9"
	return newScene(t, o, func(c *pair.Config) {
		c.Way, c.From, c.To, c.Password, c.Versions = readiness.Rolling, "el9", "el9", "", pairtest.Versions("el9")
		if mend != nil {
			mend(c)
		}
	})
}

// Straight through: each unit is down in its windows alone, and everything is where it belongs, with the new software on both nodes. No
// two nodes are ever in standby, fencing is on all along, and the feature set rises when the last old node leaves.
func TestThePairIsUpdated(t *testing.T) {
	for name, mend := range map[string]func(*pair.Config){
		"by hand": nil, "with a restart": func(c *pair.Config) { c.Restart = true },
		"by the site": func(c *pair.Config) {
			c.Provision = &pair.Provision{Host: pairtest.Provisioning, Argv: []string{"reinstall"}}
		},
		"by the site, with a restart": func(c *pair.Config) { // its tool shows no process, and the restart comes at once
			c.Provision, c.Restart = &pair.Provision{Host: pairtest.Provisioning, Argv: []string{"reinstall"}}, true
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := rollingScene(t, pairtest.Options{}, mend)
			boots := map[string]string{}
			for _, host := range []string{pairtest.Node1, pairtest.Node2} {
				boots[host] = s.says(t, host, "cat", sshexec.BootIDFile)
			}
			var sets []string // of features, as they follow each other
			watch := func(r evenkeel.Record) {
				s.world.Do(func(st *simhost.State) {
					for _, host := range []string{pairtest.Node1, pairtest.Node2} {
						cib := pacemakertest.Of(st).CIB(host)
						if cib == nil || !pacemakertest.Of(st).Member(host) {
							continue
						}
						aside := 0
						for _, n := range cib.Nodes() {
							if v, _ := n.Attributes.Get("standby"); pacemaker.IsTrue(v) {
								aside++
							}
						}
						require.LessOrEqual(t, aside, 1, r.Step)
						fencing, _ := cib.Property("stonith-enabled")
						require.Equal(t, "true", fencing, r.Step)
						set := r.Step + " " + cib.Header().FeatureSet
						if len(sets) == 0 || !strings.HasSuffix(sets[len(sets)-1], cib.Header().FeatureSet) {
							sets = append(sets, set)
						}
					}
				})
			}
			report, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, listening{&evenkeel.MemJournal{}, watch}))
			require.NoError(t, err)
			require.True(t, report.State.Done)
			require.NoError(t, s.world.Check())
			require.Len(t, sets, 2)
			require.True(t, strings.HasSuffix(sets[0], " 3.16.2"), sets[0])
			require.Equal(t, "leave-node2 3.19.0", sets[1])
			where := map[string]string{}
			for _, v := range s.world.Report().Services {
				require.Len(t, v.On, 1, v.What)
				where[v.What] = v.On[0]
			}
			require.Equal(t, pairtest.Node1, where["/srv/nfs"])
			require.Equal(t, pairtest.Node2, where["/srv/db"])
			for host, boot := range boots {
				require.Contains(t, s.says(t, host, "rpm", "-q", "pacemaker"), "pacemaker-2.1.7-5.el9")
				require.Equal(t, strings.HasSuffix(name, "with a restart"), boot != s.says(t, host, "cat", sshexec.BootIDFile), host)
			}
			for _, w := range report.State.Closed {
				require.Less(t, w.Lasted(), w.Limit, w.ID)
			}
		})
	}
}

// served is what users see that is up, and where.
func (s *scene) served() map[string]string {
	where := map[string]string{}
	for _, v := range s.world.Report().Services {
		if len(v.On) > 0 {
			where[v.What] = strings.Join(v.On, " and ")
		}
	}
	return where
}

// says is what a command prints on a host of the world.
func (s *scene) says(t *testing.T, host string, argv ...string) (out string) {
	t.Helper()
	s.world.Do(func(st *simhost.State) {
		res, err := st.Run(host, sshexec.Command(sshexec.ReadOnly, argv...))
		require.NoError(t, err)
		out = string(res.Stdout)
	})
	return out
}

// The runbook of one configuration is one, whenever it is made: what was begun with it goes on.
func TestTheRollingRunbookIsOne(t *testing.T) {
	s := rollingScene(t, pairtest.Options{}, nil)
	for range 20 {
		again, err := s.pair.Runbook()
		require.NoError(t, err)
		require.Equal(t, s.book.Digest(), again.Digest())
	}
}

// What this way is not for is refused, in words, before anything is planned.
func TestRollingIsRefused(t *testing.T) {
	clone := strings.Replace(pairtest.File("cib.xml"), "    </resources>", `<clone id="copies">`+
		primitive("copy", "ocf:acme:magic")+`</clone></resources>`, 1)
	for name, c := range map[string]struct {
		cib  string
		edit func(*pair.Config)
		want string
	}{
		"to another release": {edit: func(c *pair.Config) { c.To = "el10" },
			want: "Red Hat supports no rolling upgrade to another major release"},
		"no versions": {edit: func(c *pair.Config) { c.Versions = nil }, want: "versions: name the version of pacemaker"},
		"a version that is none": {edit: func(c *pair.Config) { c.Versions = map[string]string{"pacemaker": "newest"} },
			want: `versions: pacemaker "newest" is no version`},
		"addresses": {edit: func(c *pair.Config) { c.Addresses = map[string][]string{pairtest.Node1: {"10.0.0.1"}} },
			want: "addresses and repositories are for the way of two clusters"},
		"versions on the other way": {edit: func(c *pair.Config) { c.Way, c.Password = "", "geheim" },
			want: "versions and restart are for the way rolling"},
		"a way that has no runbook": {edit: func(c *pair.Config) { c.Way, c.Versions = "offline", nil },
			want: `there is no runbook for the way "offline"`},
		"what may replicate": {cib: clone, edit: func(*pair.Config) {}, want: "That its copy on an updated node has caught up"},
	} {
		t.Run(name, func(t *testing.T) {
			w := pairtest.New(pairtest.Options{Release: "el9"})
			if c.cib != "" {
				w = pairtest.New(pairtest.Options{Release: "el9", CIB: c.cib})
			}
			cfg := config(t, w)
			cfg.Way, cfg.From, cfg.To, cfg.Password, cfg.Versions = readiness.Rolling, "el9", "el9", "", pairtest.Versions("el9")
			c.edit(&cfg)
			_, err := pair.Load(cfg)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// What is wrong with the pair is told before anything is changed.
func TestRollingBeginsSound(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*testing.T, *simhost.State)
		want  string
	}{
		"other versions": {func(_ *testing.T, st *simhost.State) {
			st.Host(pairtest.Node2).SetPackage(st, "corosync", "3.1.8-1.el9")
		}, "have other versions of one package: corosync-3.1.7-1.el9.x86_64 and corosync-3.1.8-1.el9.x86_64"},
		"a build that is newer": {func(_ *testing.T, st *simhost.State) {
			for _, host := range []string{pairtest.Node1, pairtest.Node2} {
				st.Host(host).SetPackage(st, "corosync", "3.1.8-2.el9")
			}
		}, "corosync-3.1.8-2.el9.x86_64, which is newer than 3.1.8-1.el9"},
		"no corosync": {func(_ *testing.T, st *simhost.State) {
			st.Host(pairtest.Node2).SetPackage(st, "corosync", "")
		}, "the package corosync is not installed on nfs2.example.com"},
		"newer than the update": {func(_ *testing.T, st *simhost.State) {
			for _, host := range []string{pairtest.Node1, pairtest.Node2} {
				st.Host(host).SetPackage(st, "corosync", "3.1.9-1.el9")
			}
		}, "which is newer than 3.1.8-1.el9: a node cannot join with older software"},
		"the update is there": {func(_ *testing.T, st *simhost.State) {
			for _, host := range []string{pairtest.Node1, pairtest.Node2} {
				st.Host(host).SetPackage(st, "pacemaker", "2.1.7-5.el9")
			}
		}, "the nodes have pacemaker-2.1.7-5.el9.x86_64 already"},
		"another corosync.conf": {func(_ *testing.T, st *simhost.State) {
			h := st.Host(pairtest.Node2)
			text, _ := h.ReadFile("/etc/corosync/corosync.conf")
			h.MustWrite(st, "/etc/corosync/corosync.conf", text+"# mine\n", 0o644)
		}, "/etc/corosync/corosync.conf on nfs2.example.com has changed since it was backed up"},
		"a start that failed": {func(t *testing.T, st *simhost.State) {
			t.Helper()
			h := st.Host(pairtest.Node1)
			require.NoError(t, h.Remove(st, "/usr/bin/pg_ctl"))
			for _, verb := range []string{"standby", "unstandby"} {
				_, err := st.Run(pairtest.Node1, sshexec.Command(sshexec.Mutating, "pcs", "node", verb, pairtest.Node2))
				require.NoError(t, err)
				st.Sleep(5 * time.Minute)
			}
			h.MustWrite(st, "/usr/bin/pg_ctl", "#!/bin/sh\n", 0o755)
		}, "the cluster is not sound: db-server_start_0 failed on nfs1.example.com"},
		"a fence device that does not run": {func(t *testing.T, st *simhost.State) {
			t.Helper()
			_, err := st.Run(pairtest.Node1, sshexec.Command(sshexec.Mutating, "pcs", "stonith", "disable", "fence-nfs1"))
			require.NoError(t, err)
		}, "the cluster is not as it was when the plan was made"},
	} {
		t.Run(name, func(t *testing.T) {
			s := rollingScene(t, pairtest.Options{}, nil)
			s.world.Do(func(st *simhost.State) { c.spoil(t, st) })
			report, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, &evenkeel.MemJournal{}))
			require.ErrorContains(t, err, c.want)
			require.False(t, report.State.Changed)
		})
	}
}

// A node from which a move by hand keeps a unit cannot carry all: that is found, and the constraint stands in the plan.
func TestRollingFindsABan(t *testing.T) {
	s := rollingScene(t, pairtest.Options{CIB: strings.Replace(pairtest.File("cib.xml"), "<constraints>",
		`<constraints><rsc_location id="cli-ban-database-on-nfs1.example.com" rsc="database" node="`+pairtest.Node1+`" score="-INFINITY"/>`,
		1)}, nil)
	require.Contains(t, s.book.Intro, "constraint cli-ban-database-on-nfs1.example.com is left over from a move by hand")
	report, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, &evenkeel.MemJournal{}))
	require.ErrorContains(t, err, "would run nowhere without "+pairtest.Node2)
	require.False(t, report.State.Changed)
}

// An update that changes what makes the node one of its cluster, or that starts the cluster in the middle, goes no further.
func TestAnUpdateThatDoesMore(t *testing.T) {
	for name, c := range map[string]struct {
		does func(*testing.T, *simhost.State)
		want string
	}{
		"another corosync.conf": {func(_ *testing.T, st *simhost.State) {
			h := st.Host(pairtest.Node1)
			text, _ := h.ReadFile("/etc/corosync/corosync.conf")
			h.MustWrite(st, "/etc/corosync/corosync.conf", strings.Replace(text, "storage", "other", 1), 0o644)
		}, "has changed since it was backed up"},
		"the cluster at boot": {func(t *testing.T, st *simhost.State) {
			t.Helper()
			_, err := st.Run(pairtest.Node1, sshexec.Command(sshexec.Mutating, "systemctl", "enable", "corosync", "pacemaker"))
			require.NoError(t, err)
		}, "corosync is enabled"},
		"another PostgreSQL": {func(_ *testing.T, st *simhost.State) {
			st.Host(pairtest.Node1).SetPackage(st, "postgresql-server", "16.1-1.el9")
		}, "refuses the data in /srv/db/data"},
	} {
		t.Run(name, func(t *testing.T) {
			s := rollingScene(t, pairtest.Options{}, nil)
			does := func(r evenkeel.Record) {
				if r.Kind == evenkeel.KindEnd && r.Step == "update-node1" && r.Action == "update" {
					s.world.Do(func(st *simhost.State) { c.does(t, st) })
				}
			}
			_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, listening{&evenkeel.MemJournal{}, does}))
			require.ErrorContains(t, err, c.want)
			require.NoError(t, s.world.Check())
			require.NotContains(t, s.says(t, pairtest.Node2, "crm_mon", "-1"), "Online: [ nfs1.example.com")
		})
	}
}

// A node whose Pacemaker could not join is not started, whatever its packages said when it was updated.
func TestRollingStartsNoNodeThatCannotJoin(t *testing.T) {
	s := rollingScene(t, pairtest.Options{}, nil)
	older := meddling{&evenkeel.MemJournal{}, "update-node1", func() {
		s.world.Do(func(st *simhost.State) { st.Host(pairtest.Node1).SetPackage(st, "pacemaker", "2.1.2-4.el9") })
	}}
	_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, older))
	require.ErrorContains(t, err, "the Pacemaker of nfs1.example.com has the feature set 3.12.0, and the cluster 3.16.2: it cannot join")
	s.world.Do(func(st *simhost.State) { require.False(t, st.Host(pairtest.Node1).Active("pacemaker")) })
}

// Before the last old node leaves, a rollback brings the pair back, the old packages with the rest. Afterwards it says that it cannot.
func TestRollBackOfRolling(t *testing.T) {
	for _, last := range []string{"evacuate-node1", "leave-node1", "update-node1", "rejoin-node1", "return-node1", "evacuate-node2"} {
		t.Run(last, func(t *testing.T) {
			s := rollingScene(t, pairtest.Options{}, nil)
			before := s.world.Hash()
			journal := &evenkeel.MemJournal{}
			_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, stopping{journal, last}))
			require.ErrorIs(t, err, errStopped)
			report, err := evenkeel.Rollback(t.Context(), s.book, s.world, options(s.world, journal))
			require.NoError(t, err)
			for _, d := range report.Differs {
				require.Contains(t, d, "not on the node that it prefers")
			}
			require.NoError(t, s.world.Check())
			if len(report.Differs) == 0 {
				require.Equal(t, before, s.world.Hash())
			}
			for _, host := range []string{pairtest.Node1, pairtest.Node2} {
				require.Contains(t, s.says(t, host, "rpm", "-q", "pacemaker"), "pacemaker-2.1.5-7.el9", last)
			}
		})
	}
	s := rollingScene(t, pairtest.Options{}, nil)
	journal := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, stopping{journal, "leave-node2"}))
	require.ErrorIs(t, err, errStopped)
	before := s.world.Hash()
	_, err = evenkeel.Rollback(t.Context(), s.book, s.world, options(s.world, journal))
	require.ErrorContains(t, err, "the last node with the old software leaves")
	require.Equal(t, before, s.world.Hash())
	_, err = evenkeel.Resume(t.Context(), s.book, s.world, options(s.world, journal))
	require.NoError(t, err)
	require.NoError(t, s.world.Check())
}

// The last node with the old software is lost before its turn: the feature set rises without it, and it is turned away. The run pauses,
// and goes on when somebody has looked: that node is updated where it is.
func TestTheLastOldNodeIsLost(t *testing.T) {
	s := rollingScene(t, pairtest.Options{}, nil)
	journal := &evenkeel.MemJournal{}
	_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, stopping{journal, "rejoin-node1"}))
	require.ErrorIs(t, err, errStopped)
	s.world.Do(func(st *simhost.State) {
		st.Host(pairtest.Node2).Restart(st)
		st.Sleep(10 * time.Minute)
		require.False(t, pacemakertest.Of(st).Member(pairtest.Node2), "its software is too old")
	})
	require.Empty(t, s.served(), "node 1 is in standby")
	_, err = evenkeel.Resume(t.Context(), s.book, s.world, options(s.world, journal))
	require.ErrorContains(t, err, "nfs2.example.com has restarted since the run began")
	require.ErrorContains(t, err, "Nothing may be served: run `pcs node unstandby nfs1.example.com` now")
	served := s.served()
	require.Len(t, served, 7, "the run ended the outage before it paused")
	for what, host := range served {
		require.Equal(t, pairtest.Node1, host, what)
	}
	s.world.Do(func(st *simhost.State) {
		h := st.Host(pairtest.Node2)
		h.MustWrite(st, "/root/evenkeel-seen", h.BootID()+"\n", 0o600)
	})
	_, err = evenkeel.Resume(t.Context(), s.book, s.world, options(s.world, journal))
	require.NoError(t, err)
	require.NoError(t, s.world.Check())
	require.Contains(t, s.says(t, pairtest.Node2, "rpm", "-q", "pacemaker"), "pacemaker-2.1.7-5.el9")
}
