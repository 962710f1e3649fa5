//go:build integration

package rebuild

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCompareRebuild is a comparison, not a test: it runs a process that turns a CIB into the commands that make it
// again, and pcs doing the same for the resources alone, in turns, and prints the medians of processor time and peak
// memory. It runs when EVENKEEL_COMPARE says how many rounds. Nothing is asserted but that each did its work.
//
//	EVENKEEL_COMPARE=5 go test -tags integration -run TestCompareRebuild -v ./pacemaker
func TestCompareRebuild(t *testing.T) {
	var rounds int
	if _, err := fmt.Sscan(cmp.Or(os.Getenv("EVENKEEL_COMPARE"), "0"), &rounds); err != nil || rounds < 1 {
		t.Skip("a comparison; EVENKEEL_COMPARE=rounds runs it")
	}
	pcs, err := exec.LookPath("pcs")
	if err != nil {
		t.Skip("no pcs (Debian: pcs)")
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, "./testdata/measure", "./testdata/rebuild")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	conf, err := filepath.Abs("../corosync/testdata/iml-v2.4.2.7RC1-rendered.conf")
	require.NoError(t, err)

	var table strings.Builder
	tab := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(tab, "resources\tCIB\tprogram\tCPU\tpeak memory\tCPU : pcs\tmemory : pcs")
	for _, c := range []struct {
		targets int
		status  bool
	}{{0, false}, {100, false}, {5000, false}, {5000, true}} {
		data, kind := manyTargets(t, c.targets), ""
		if c.status {
			data, kind = withStatus(data, c.targets), " with status"
		}
		cib := filepath.Join(dir, "cib.xml")
		require.NoError(t, os.WriteFile(cib, data, 0o600))
		contenders := []contender{
			{"pcs", nil, []string{pcs, "-f", cib, "resource", "config", "--output-format=cmd"}, nil},
			{"evenkeel", nil, []string{filepath.Join(dir, "rebuild"), cib, conf}, nil},
			{"evenkeel, GOGC=100", []string{"GOGC=100"}, []string{filepath.Join(dir, "rebuild"), cib, conf}, nil},
		}
		for range rounds {
			for i := range contenders {
				contenders[i].run(t, filepath.Join(dir, "measure"), c.targets+2)
			}
		}
		theirs := contenders[0].median()
		for i := range contenders {
			m := contenders[i].median()
			_, _ = fmt.Fprintf(tab, "%d%s\t%.1f MB\t%s\t%s\t%.1f MB\t1/%.1f\t%.2f\n", c.targets+2, kind, float64(len(data))/1e6,
				contenders[i].name, m.cpu.Round(time.Millisecond),
				float64(m.peak)*1024/1e6, float64(theirs.cpu)/float64(m.cpu), float64(m.peak)/float64(theirs.peak))
		}
	}
	require.NoError(t, tab.Flush())
	t.Log("medians of ", rounds, " rounds\n", table.String())
}

// contender is one program and what it used, round by round.
type contender struct {
	name     string
	env      []string
	argv     []string
	measured []usage
}

// usage is what a process used: user and system time, and its greatest resident set in KiB.
type usage struct {
	cpu  time.Duration
	peak int64
}

// run runs the program once, and wants as many commands that create a resource as there are.
func (c *contender) run(t *testing.T, measure string, resources int) {
	t.Helper()
	cmd := exec.Command(measure, c.argv...)
	cmd.Env = append(os.Environ(), c.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s: %s", c.name, &stderr)
	require.Equal(t, resources, strings.Count(stdout.String(), " resource create "), "commands of %s", c.name)
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	var u usage
	_, err := fmt.Sscan(lines[len(lines)-1], (*int64)(&u.cpu), &u.peak)
	require.NoError(t, err, "%s: %s", c.name, &stderr)
	c.measured = append(c.measured, u)
}

// median is the median of each figure by itself.
func (c *contender) median() usage {
	middle := func(value func(usage) int64) int64 {
		all := make([]int64, len(c.measured))
		for i, u := range c.measured {
			all[i] = value(u)
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return usage{
		cpu:  time.Duration(middle(func(u usage) int64 { return int64(u.cpu) })),
		peak: middle(func(u usage) int64 { return u.peak }),
	}
}

// withStatus is what a running cluster adds to the CIB of manyTargets: each node's history of every target, a start and a monitor.
func withStatus(data []byte, targets int) []byte {
	var status strings.Builder
	for _, node := range []string{"ct6-mds1", "ct6-mds2"} {
		fmt.Fprintf(&status, "<node_state id=\"%[1]s\" uname=\"%[1]s\" in_ccm=\"true\" crmd=\"online\" join=\"member\" "+
			"expected=\"member\">\n<lrm id=\"%[1]s\"><lrm_resources>\n", node)
		for i := range targets {
			id := fmt.Sprintf("demo-OST%04x_%06x", i, i)
			fmt.Fprintf(&status, `<lrm_resource id="%s" type="Target" class="ocf" provider="chroma">`, id)
			for call, operation := range []string{"start", "monitor"} {
				fmt.Fprintf(&status, `<lrm_rsc_op id="%[1]s_%[2]s_0" operation_key="%[1]s_%[2]s_0" operation="%[2]s" crm_feature_set="3.0.7" transition-key="%[3]d:4:0:0b4a0f4e-2c52-4ac5-9d1e-7f1f6b3f2f10" `+
					`call-id="%[4]d" rc-code="0" op-status="0" interval="0" last-run="1423622496" exec-time="11" queue-time="0" op-digest="f2317cad3d54cec5d7d7aa7d0bf35cf8"/>`, id, operation, i, call)
			}
			status.WriteString("</lrm_resource>\n")
		}
		status.WriteString("</lrm_resources></lrm></node_state>\n")
	}
	return []byte(strings.Replace(string(data), "<status/>", "<status>"+status.String()+"</status>", 1))
}
