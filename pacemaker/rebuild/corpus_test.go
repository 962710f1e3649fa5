package rebuild

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// PCM-011, PCM-029, PCM-045, H12: the guide's own awk scripts, run on the same files, say the same, but for what this package does
// better on purpose: names are fully qualified, and the agent comes last.
func TestSameAsTheGuidesScripts(t *testing.T) {
	opts := guideOptions(t)
	plan, err := New(readCIB(t, imlCIB), readConf(t), opts)
	require.NoError(t, err)
	script := func(name string) string {
		data, err := os.ReadFile(golden.Corpus(t, "seed-awk", name))
		require.NoError(t, err)
		return strings.ReplaceAll(string(data), "\\\n", "")
	}
	sorted := func(words []string) []string { slices.Sort(words); return words }

	require.Equal(t, sorted(strings.Fields(script("out.iml-v2.4.2.7RC1-rendered.txt"))), sorted(slices.Clone(plan.Setup[1].Argv)))

	var resources []string
	for _, line := range strings.Split(script("out.resource-0.9.152.txt"), "\n") {
		if line != "" {
			resources = append(resources, strings.Join(strings.Fields(line), " "))
		}
	}
	require.Equal(t, resources, lines(plan.Resources))

	want := sorted(strings.Fields(script("out.property-0.9.152-short-nodenames.txt")))
	var got []string
	for i, o := range plan.Fencing {
		argv := o.Argv
		if i%2 == 1 { // the agent's own command repeats the words in front
			argv = argv[5:]
		}
		for _, arg := range argv {
			got = append(got, strings.TrimSuffix(arg, ".lfs.intl"))
		}
	}
	require.Equal(t, want, sorted(got))
}

// PCM-021 to PCM-025, PCM-030: the list is what real pcs 0.9.152 took, command by command.
func TestSameAsTheRebuildByRealPcs(t *testing.T) {
	opts := guideOptions(t)
	opts.PlainConstraints = true
	plan, err := New(readCIB(t, imlCIB), readConf(t), opts)
	require.NoError(t, err)
	data, err := os.ReadFile(golden.Corpus(t, "pcs", "0.9.152", "rebuild-two-nodes", "transcript.txt"))
	require.NoError(t, err)
	var ran []string
	for line := range strings.Lines(string(data)) {
		if command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ "); ok && !strings.Contains(command, "--node") {
			ran = append(ran, strings.TrimSuffix(command, " --force")) // the agents are not installed where it ran
		}
	}
	var listed []string
	for _, s := range plan.Sections()[1:7] {
		listed = append(listed, lines(s.Operations)...)
	}
	require.Equal(t, ran, listed)
}
