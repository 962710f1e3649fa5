package pair_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// A new system whose PostgreSQL refuses the data is told before any unit is down, and the run goes on when that is put right.
func TestTheDatabaseGoesWithTheData(t *testing.T) {
	for _, node := range []string{pairtest.Node1, pairtest.Node2} {
		s := newScene(t, pairtest.Options{}, nil)
		give := func(version string) {
			s.world.Do(func(st *simhost.State) { st.Host(node).SetPackage(st, "postgresql-server", version) })
		}
		journal := &evenkeel.MemJournal{}
		opts := options(s.world, listening{journal, func(r evenkeel.Record) {
			if r.Kind == evenkeel.KindStart && r.Action == "fits" && r.Host == node {
				give("13.14-1.el9")
			}
		}})
		_, err := evenkeel.Run(t.Context(), s.book, s.world, opts)
		require.ErrorContains(t, err, node+": it has PostgreSQL 13.14, which refuses the data in /srv/db/data, of PostgreSQL 15: install 15")
		for _, v := range s.world.Report().Services {
			require.Len(t, v.On, 1, v.What)
		}
		give("15.12-1.el9")
		report, err := evenkeel.Resume(t.Context(), s.book, s.world, options(s.world, journal))
		require.NoError(t, err)
		require.True(t, report.State.Done)
		require.NoError(t, s.world.Check())
	}
}

// Major versions are two numbers up to PostgreSQL 9, one since; what cannot be told is no fit.
func TestMajorVersions(t *testing.T) {
	units, err := pair.Units(cibOf(t, database, ""), pair.Builtin())
	require.NoError(t, err)
	fit := units[0].Members[0].Fits[0]
	require.Equal(t, []string{"cat", "/srv/pg/data/PG_VERSION"}, fit.Data)
	for _, c := range []struct {
		data, has string
		fits      bool
	}{
		{"15", "pg_ctl (PostgreSQL) 15.12", true}, {"9.6", "pg_ctl (PostgreSQL) 9.6.24", true},
		{"15", "pg_ctl (PostgreSQL) 15.12 (Debian 15.12-1.pgdg120+1)", true},
		{"10", "pg_ctl (PostgreSQL) 13.14", false}, {"9.2", "pg_ctl (PostgreSQL) 9.6.24", false}, {"1", "pg_ctl (PostgreSQL) 15.12", false},
		{"15", "pg_ctl (PostgreSQL) 16beta1", false}, {"15", "", false}, {"", "pg_ctl (PostgreSQL) 15.12", false},
		{"15", "postgres 15.12", false}, {"no such file", "pg_ctl (PostgreSQL) 15.12", false},
	} {
		require.Equal(t, c.fits, fit.Check(c.data, c.has) == nil, "%s %s", c.data, c.has)
	}
}
