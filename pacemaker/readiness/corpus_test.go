package readiness_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// Every CIB and corosync.conf of the corpus gets a report for every target. Those that are no CIB are counted apart.
func TestCorpus(t *testing.T) {
	cibs, confs, refused, findings := 0, 0, 0, map[readiness.Level]int{}
	report := func(file string, in readiness.Input) {
		for _, target := range readiness.Targets() {
			r, err := readiness.Check(in, target)
			require.NoError(t, err, file)
			require.NotEmpty(t, r.Text())
			require.NotEmpty(t, r.Markdown())
			for _, f := range r.Findings {
				findings[f.Level]++
			}
		}
	}
	for _, file := range golden.CorpusCIBs(t) {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		cib, err := pacemaker.ParseCIB(srcerr.Named(file, strings.NewReader(string(raw))))
		if err != nil || cib.Empty() {
			refused++
			continue
		}
		cibs++
		report(file, readiness.Input{CIB: cib})
	}
	for _, file := range golden.FilesUnder(t, golden.Corpus(t), ".conf") {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		conf, err := corosync.Parse(srcerr.Named(file, strings.NewReader(string(raw))))
		if err != nil {
			refused++
			continue
		}
		confs++
		report(file, readiness.Input{Conf: conf})
	}
	t.Logf("%d CIBs and %d corosync.confs, each for %d targets: %d blockers, %d warnings, %d notes; %d files are neither", cibs, confs,
		len(readiness.Targets()), findings[readiness.Blocker], findings[readiness.Warning], findings[readiness.Note], refused)
	require.NotZero(t, cibs)
	require.NotZero(t, confs)
}
