package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// cost is what a command of the binary took.
type cost struct {
	cpu time.Duration
	kb  int64 // its memory at most, in kilobytes
	out string
}

// TestScale measures the binary on pairs of many targets: plan, demo, and a thinned rehearse. It prints the table of
// PERFORMANCE.md, and judges nothing but that each command ends well:
//
//	EVENKEEL_SCALE=4,16,64,256 go test -run TestScale -timeout 2h -v ./examples/lustre-hapair
//
// Growth is the exponent of the number of targets from one row to the next: 1 is linear, 2 quadratic.
func TestScale(t *testing.T) {
	sizes := os.Getenv("EVENKEEL_SCALE")
	if sizes == "" {
		sizes = "4" // so that what the measurement reads is read in every run of the tests
	}
	binary := filepath.Join(t.TempDir(), "lustre-hapair")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	took := func(args ...string) cost {
		cmd := exec.CommandContext(t.Context(), binary, args...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%v\n%.4000s", args, out)
		usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		return cost{cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), usage.Maxrss, string(out)}
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 1, ' ', 0)
	_, _ = fmt.Fprintln(w, "| targets\t| plan\t| growth\t| demo\t| growth\t| rehearse, each schedule\t| growth\t| memory: plan, demo, rehearse |\n"+
		"|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---|")
	var before [3]float64
	last := 0
	for size := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(size)
		require.NoError(t, err)
		dir := filesOf(t, n)
		straight := took("rehearse", "--dir", dir, "--every", "1000000000")
		every := max(1, pointsIn(t, straight.out)/schedules)
		costs := []cost{took("plan", "--dir", dir), took("demo", "--dir", dir), took("rehearse", "--dir", dir, "--every", strconv.Itoa(every))}
		var now [3]float64
		for i, c := range costs {
			now[i] = c.cpu.Seconds()
		}
		now[2] = (now[2] - straight.cpu.Seconds()) / float64(max(1, schedulesIn(t, costs[2].out)-schedulesIn(t, straight.out)))
		_, _ = fmt.Fprintf(w, "| %d\t", n)
		for i := range now {
			growth := "–"
			if last > 0 {
				growth = fmt.Sprintf("%.1f", math.Log(now[i]/before[i])/math.Log(float64(n)/float64(last)))
			}
			_, _ = fmt.Fprintf(w, "| %.2f s\t| %s\t", now[i], growth)
		}
		_, _ = fmt.Fprintf(w, "| %d, %d, %d MB |\n", costs[0].kb>>10, costs[1].kb>>10, costs[2].kb>>10)
		before, last = now, n
	}
	require.NoError(t, w.Flush())
	t.Logf("\n%s", table.String())
}

// schedules is about how many schedules a thinned rehearsal has.
const schedules = 20

var (
	straightLine = regexp.MustCompile(`straight through: (\d+) commands, (\d+) journal records`)
	scheduleLine = regexp.MustCompile(`(?m)^([\d,]+) of [\d,]+ schedules, 0 violations`)
)

// pointsIn is the number of points that a whole rehearsal would try, or near it: two at each command, one at each record.
func pointsIn(t *testing.T, account string) int {
	t.Helper()
	m := straightLine.FindStringSubmatch(account)
	require.NotNil(t, m, account)
	commands, _ := strconv.Atoi(m[1])
	records, _ := strconv.Atoi(m[2])
	return 2*commands + records
}

func schedulesIn(t *testing.T, account string) int {
	t.Helper()
	m := scheduleLine.FindStringSubmatch(account)
	require.NotNil(t, m, account)
	n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
	require.NoError(t, err)
	return n
}

// filesOf are the files of a pair with so many targets, as --dir takes them.
func filesOf(t *testing.T, targets int) string {
	t.Helper()
	require.Greater(t, targets, 2, "the guide's pair has two")
	w := lustretest.NewPair(lustretest.Options{OSTs: targets - 2})
	r, err := w.Runner(lustretest.Node1)
	require.NoError(t, err)
	read := func(argv ...string) string {
		res, err := r.Run(t.Context(), sshexec.Command(sshexec.ReadOnly, argv...))
		require.NoError(t, err)
		return string(res.Stdout)
	}
	const store = "/var/lib/chroma/targets"
	files := map[string]string{"cib.xml": read("cibadmin", "--query"), "corosync.conf": read("cat", "/etc/corosync/corosync.conf")}
	for _, name := range strings.Fields(read("ls", "-1", store)) {
		files[filepath.Join("targets", name)] = read("cat", store+"/"+name)
	}
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "targets"), 0o700))
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}
