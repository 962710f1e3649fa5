package pair_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// withMagic puts a resource that no profile knows into the group of the database: nothing but the cluster tells that it stopped.
func withMagic(cib string) string {
	return strings.Replace(cib, `<group id="database">`, `<group id="database">`+
		`<primitive id="magic" class="ocf" provider="acme" type="magic"/>`, 1)
}

// fails runs a scene, which must end with an error, with nothing twice and a resource not on node 1.
func (s *scene) fails(t *testing.T, resource string, journal evenkeel.Journal) error {
	t.Helper()
	_, err := evenkeel.Run(t.Context(), s.book, s.world, options(s.world, journal))
	require.Error(t, err)
	require.NoError(t, s.world.Check())
	require.NotContains(t, s.world.EndState(), resource+" on "+pairtest.Node1)
	return err
}

// What moves last is disabled in the old cluster, and its stop recorded, before that cluster stops; a look that can tell is asked, too.
func TestWhatMovesLastHasStopped(t *testing.T) {
	s := newScene(t, pairtest.Options{CIB: withMagic(pairtest.File("cib.xml"))}, nil)
	s.run(t)
	require.Contains(t, s.world.EndState(), "db-server on "+pairtest.Node2)

	s = newScene(t, pairtest.Options{CIB: withMagic(pairtest.File("cib.xml")), Stuck: []string{"magic"}}, nil)
	require.ErrorContains(t, s.fails(t, "magic", &evenkeel.MemJournal{}), "still holds database (magic: its stop is under way)")

	for liar, want := range map[string]string{"db-disk": "/dev/mapper/db is mounted on /srv/db", "db-ip": "eth0 has 192.168.7.101"} {
		s = newScene(t, pairtest.Options{CIB: withMagic(pairtest.File("cib.xml")), Liars: []string{liar}}, nil)
		require.ErrorContains(t, s.fails(t, "magic", &evenkeel.MemJournal{}), want)
	}
}

// What the cluster of node 2 was told to leave alone at run time is not taken for stopped.
func TestWhatIsUnmanagedByNow(t *testing.T) {
	s := newScene(t, pairtest.Options{CIB: withMagic(pairtest.File("cib.xml"))}, nil)
	journal := meddling{&evenkeel.MemJournal{}, "move-nfs", func() {
		s.world.Do(func(st *simhost.State) {
			res, err := st.Run(pairtest.Node2, sshexec.Command(sshexec.Mutating, "crm_resource", "--resource", "magic", "--meta",
				"--set-parameter", "is-managed", "--parameter-value", "false"))
			require.NoError(t, err)
			require.Zero(t, res.ExitCode, "%s", res.Stderr)
		})
	}}
	require.ErrorContains(t, s.fails(t, "magic", journal), "still holds database (magic: ")
}

// What moves last comes back to the old cluster, too, when the new one has stopped it.
func TestWhatMovesLastComesBack(t *testing.T) {
	s := newScene(t, pairtest.Options{CIB: withMagic(pairtest.File("cib.xml"))}, nil)
	journal := &evenkeel.MemJournal{}
	opts := options(s.world, stopping{journal, "stop-old-node2"})
	_, err := evenkeel.Run(t.Context(), s.book, s.world, opts)
	require.ErrorIs(t, err, errStopped)
	require.Contains(t, s.world.EndState(), "magic on "+pairtest.Node1)
	opts.Journal = journal
	_, err = evenkeel.Rollback(t.Context(), s.book, s.world, opts)
	require.NoError(t, err)
	require.NoError(t, s.world.Check())
	require.Contains(t, s.world.EndState(), "magic on "+pairtest.Node2)
}

// A cluster that has stopped is not gone for good where it starts at boot: a host that lost its power is reached before its cluster runs.
func TestAClusterThatCouldStartAgain(t *testing.T) {
	s := newScene(t, pairtest.Options{}, nil)
	dead := func(r evenkeel.Record) {
		if r.Kind == evenkeel.KindEnd && r.Step == "move-nfs" && r.Action == "disable" {
			s.world.Do(func(st *simhost.State) {
				for _, unit := range []string{"pacemaker", "corosync"} {
					_, err := st.Run(pairtest.Node2, sshexec.Command(sshexec.Mutating, "systemctl", "stop", unit))
					require.NoError(t, err)
				}
			})
		}
	}
	require.ErrorContains(t, s.fails(t, "nfs-disk", listening{&evenkeel.MemJournal{}, dead}), "and could start again by itself")
}

// What somebody disabled stays so, also where it is tied to what runs; and what says Started for itself in its group moves with that.
func TestRolesOfTheirOwn(t *testing.T) {
	cib := strings.Replace(pairtest.File("cib.xml"), "    </resources>", `<primitive id="spare-ip" class="ocf" `+
		`provider="heartbeat" type="IPaddr2">`+
		meta("spare-ip", "target-role", "Stopped")+`<instance_attributes id="spare-ip-ia"><nvpair id="spare-ip-ip" name="ip" `+
		`value="192.168.7.102"/></instance_attributes></primitive></resources>`, 1)
	cib = strings.Replace(cib, "<constraints>", `<constraints><rsc_colocation id="c" rsc="spare-ip" with-rsc="nfs" score="INFINITY"/>`, 1)
	cib = strings.Replace(cib, `type="pgsql">`, `type="pgsql">`+meta("db-server", "target-role", "Started"), 1)
	s := newScene(t, pairtest.Options{CIB: cib}, nil)
	s.run(t)
	require.NotContains(t, s.world.EndState(), "spare-ip on ")
	require.Contains(t, s.world.EndState(), "db-server on "+pairtest.Node2)
}
