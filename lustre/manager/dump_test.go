package manager_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/manager"
)

const dump = `--
-- PostgreSQL database cluster dump
--

\connect postgres

DROP DATABASE chroma;
CREATE ROLE chroma;
ALTER ROLE chroma WITH LOGIN PASSWORD 'md5secret';

\connect chroma

COPY auth_user (id, username) FROM stdin;
1	admin
2	-- PostgreSQL database cluster dump complete
\.

COPY public.chroma_core_managedhost (id) FROM stdin;
\.

\connect postgres

--
-- PostgreSQL database cluster dump complete
--

`

// LUS-054: the rows of a dump are counted, whatever stands in them.
func TestReadDump(t *testing.T) {
	d, err := manager.ReadDump(strings.NewReader(dump))
	require.NoError(t, err)
	require.Equal(t, map[string]map[string]int{"postgres": {}, "chroma": {"auth_user": 2, "chroma_core_managedhost": 0}}, d.Databases)
	rows, err := d.Rows("chroma", []string{"chroma_core_managedhost", "auth_user"})
	require.NoError(t, err)
	require.Equal(t, "auth_user=2 chroma_core_managedhost=0", rows)
	_, err = d.Rows("chroma", []string{"auth_group"})
	require.ErrorContains(t, err, "no table auth_group")
	_, err = d.Rows("other", nil)
	require.ErrorContains(t, err, "no database other")

	long := strings.Replace(dump, "1\tadmin", "1\t"+strings.Repeat("x", 200<<10), 1)
	d, err = manager.ReadDump(strings.NewReader(long))
	require.NoError(t, err)
	require.Equal(t, 2, d.Databases["chroma"]["auth_user"])

	later := strings.Replace(dump, `\connect chroma`, `\connect -reuse-previous=on "dbname='chroma'"`, 1) + "\\unrestrict aToken\n\n"
	d, err = manager.ReadDump(strings.NewReader(later))
	require.NoError(t, err)
	require.Equal(t, 2, d.Databases["chroma"]["auth_user"])
}

// A dump that was cut off anywhere is refused, and no error shows what is in it.
func TestCutDumpIsRefused(t *testing.T) {
	end := strings.Index(dump, "\n-- PostgreSQL database cluster dump complete\n--\n\n") +
		len("\n-- PostgreSQL database cluster dump complete\n")
	for n := range end {
		_, err := manager.ReadDump(strings.NewReader(dump[:n]))
		require.Error(t, err, "%d bytes: %q", n, dump[:n])
		require.NotContains(t, err.Error(), "secret")
	}
	for name, text := range map[string]string{
		"empty": "", "no dump": "DROP DATABASE chroma;\n", "something after the end": dump + "DROP DATABASE chroma;\n",
		"rows of no database": "-- PostgreSQL database cluster dump\nCOPY a (id) FROM stdin;\n",
		"an odd connection":   strings.Replace(dump, `\connect chroma`, `\connect a b c`, 1),
	} {
		_, err := manager.ReadDump(strings.NewReader(text))
		require.Error(t, err, name)
	}
}

// A damaged dump is refused while the old manager still runs: nothing was changed, and nothing is dropped (lustre:100).
func TestDamagedDumpStopsTheRun(t *testing.T) {
	for name, lie := range map[string]func(string) string{
		"cut off":     func(text string) string { return text[:len(text)/2] },
		"no end mark": func(text string) string { return strings.ReplaceAll(text, "cluster dump complete", "cluster dump") },
		"no database": func(text string) string { return strings.ReplaceAll(text, "connect chroma", "connect other") },
		"no table":    func(text string) string { return strings.ReplaceAll(text, "auth_user", "auth_guest") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, lustretest.ManagerOptions{Lie: lie}, nil)
			w := s.clone()
			report, err := s.run(t, w, &evenkeel.MemJournal{})
			require.ErrorContains(t, err, "must not be loaded")
			require.False(t, report.State.Changed)
			require.Equal(t, s.world.EndState(), w.EndState())
			require.Equal(t, "2.4.2.7", w.Serving())
		})
	}
}

// What lies on the manager right before the load is the dump that was read; another file drops nothing.
func TestDumpIsReadAgainBeforeItIsLoaded(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, nil)
	w := s.clone()
	w.Damage("pgbackup-", "chroma-config")
	_, err := s.run(t, w, &evenkeel.MemJournal{})
	require.ErrorContains(t, err, "nothing is dropped for a damaged dump")
	require.NoError(t, w.Check())
	text, err := w.Read(lustretest.Manager, "/var/lib/pgsql/data/chroma")
	require.NoError(t, err)
	require.Contains(t, text, "schema 4.0.7.0", "the database of the installation is still there")
}

// LUS-054: the pipe is the guide's.
func TestLoadIsTheGuidesPipe(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{}, nil)
	step, _ := s.book.Step("database")
	script := step.Actions[2].Cmd.Argv[2]
	require.Contains(t, script, `zcat "$1" | su - postgres -c "psql postgres"`)
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, err := w.Write([]byte(dump))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `su() { cat; }; cat >"$0/d"; set -- "$0/d" "$0/log"; `+script+`; cat "$0/log"`, dir)
	cmd.Stdin = &gz
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, dump, string(out))
	info, err := os.Stat(filepath.Join(dir, "log"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "what psql says has passwords in it")
}
