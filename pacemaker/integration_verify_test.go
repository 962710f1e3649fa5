//go:build integration

package pacemaker

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// verify is crm_verify's exit status on a CIB, -1 when it takes too long (it runs the scheduler).
func verify(cib []byte) int {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "crm_verify", "--xml-pipe")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin = bytes.NewReader(cib)
	_ = cmd.Run() // the exit status is the answer
	return cmd.ProcessState.ExitCode()
}

// recorded are the verdicts on the files of the corpus that its list holds, by file name.
func recorded(t testing.TB) map[string]int {
	t.Helper()
	verdicts := make(map[string]int)
	for path, oracle := range manifest(t) {
		if _, rc, found := strings.Cut(oracle, "crm_verify_2.1.5_rc="); found {
			rc, _, _ = strings.Cut(rc, ";")
			if n, err := strconv.Atoi(rc); err == nil {
				verdicts[filepath.Base(path)] = n
			}
		}
	}
	require.NotEmpty(t, verdicts)
	return verdicts
}

// PCM-001: a CIB that was read, edited and printed has the same verdict from crm_verify as the file itself.
func TestRoundTripKeepsTheVerdict(t *testing.T) {
	golden.Program(t, "crm_verify", "pacemaker-cli-utils")
	before := recorded(t)
	var lock sync.Mutex
	verdicts := make(map[int]int)
	slow := 0
	golden.InParallel(golden.CorpusCIBs(t), func(path string) {
		text, err := os.ReadFile(path)
		if err != nil {
			return
		}
		cib, err := ParseCIB(bytes.NewReader(text))
		if err != nil {
			return
		}
		cib.SetProperty("evenkeel-round-trip", "true")
		cib.RemoveProperty("evenkeel-round-trip")
		cib.BumpEpoch()
		printed, err := cib.Query()
		after := verify(printed)
		expected, known := before[filepath.Base(path)]
		if !known || expected != after { // no record, or that of another release
			expected = verify(text)
		}
		lock.Lock()
		defer lock.Unlock()
		switch {
		case err != nil:
			t.Errorf("%s: %v", path, err)
		case expected < 0 || after < 0:
			slow++
		case expected != after:
			t.Errorf("%s: crm_verify says %d of the file, and %d of what is printed", filepath.Base(path), expected, after)
		default:
			verdicts[after]++
		}
	})
	t.Logf("verdicts by exit status: %v; %d took crm_verify too long", verdicts, slow)
	require.Greater(t, verdicts[0], 300)
	require.Greater(t, verdicts[78], 300, "and the bad ones stay bad")
	require.Less(t, slow, 10)
}
