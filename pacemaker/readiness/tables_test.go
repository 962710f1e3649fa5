package readiness

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every fact has a source, every source has a fact, and the tables are sorted and without doubles.
func TestTables(t *testing.T) {
	used := map[string]bool{}
	for _, row := range rows("releases.tsv", releasesTSV, 10) {
		for key := range strings.FieldsSeq(row[9]) {
			used[key] = true
		}
		require.NotEmpty(t, row[9], row[0])
	}
	agents := rows("agents.tsv", agentsTSV, 5)
	require.True(t, slices.IsSortedFunc(agents, func(a, b []string) int { return strings.Compare(a[0]+"\t"+a[1], b[0]+"\t"+b[1]) }))
	require.Len(t, agentFacts(), len(agents), "a line is there twice")
	for _, row := range agents {
		used[row[4]] = true
		require.Contains(t, Targets(), row[0])
		require.Regexp(t, `^(?:ocf:\w+:[\w-]+|(?:lsb|service):\*|stonith:(?:fence_\w+|external/(?:\w+|\*)))$`, row[1])
		require.Contains(t, []string{"removed", "not supported"}, row[2])
	}
	for i, row := range rows("rules.tsv", rulesTSV, 7) {
		used[row[6]] = true
		r := theRules()[i]
		require.NotEmpty(t, r.tags, row[0])
		require.Contains(t, levels, r.finding.Level, row[0])
		if r.release != "" {
			require.Contains(t, Targets(), r.release)
		}
	}
	require.Len(t, theRules(), len(matchers), "a matcher has no rule, or two")
	for _, b := range bounds {
		used[b.source] = true
	}
	text := ownText(t)
	var unused []string
	for key, s := range sources() {
		require.NotEmpty(t, s.Title, key)
		u, err := url.Parse(s.Address)
		require.NoError(t, err)
		require.Equal(t, "https", u.Scheme, key)
		if !used[key] && !strings.Contains(text, `"`+key+`"`) {
			unused = append(unused, key)
		}
	}
	require.Empty(t, unused, "no fact has these sources")
}

// The releases are those of the task, with what decides.
func TestReleases(t *testing.T) {
	require.Equal(t, strings.Fields("el8 el9 el10 sles15 sles16 debian12 debian13"), Targets())
	for _, r := range Releases() {
		require.True(t, r.Pacemaker.Known(), r.Name)
		require.Equal(t, r.Family+numbers.FindString(r.Name), r.Name)
		if r.Target {
			require.NotZero(t, r.Corosync, r.Name)
		}
	}
	_, err := ReleaseNamed("el11")
	require.ErrorIs(t, err, ErrUnknownRelease)
	require.ErrorContains(t, err, "el10")
	for title, want := range map[string]string{
		"CentOS release 6.9 (Final)": "el6", "CentOS Linux release 7.9.2009 (Core)": "el7", "CentOS Linux 7 (Core)": "el7", "CentOS Stream 9": "el9",
		"Red Hat Enterprise Linux Server release 6.10 (Santiago)": "el6", "Red Hat Enterprise Linux 9.4 (Plow)": "el9",
		"Red Hat Enterprise Linux release 8.10 (Ootpa)": "el8", "AlmaLinux 10.0 (Purple Lion)": "el10", "Rocky Linux 8.9 (Green Obsidian)": "el8",
		"Oracle Linux Server 9.4": "el9", "SUSE Linux Enterprise Server 12 SP5": "sles12", "SUSE Linux Enterprise Server for SAP Applications 15 SP6": "sles15",
		"SUSE Linux Enterprise Server 16.0": "sles16", "Debian GNU/Linux 12 (bookworm)": "debian12",
		"CentOS release 5.11 (Final)": "", "Fedora Linux 41": "", "Debian GNU/Linux 10 (buster)": "", "Red Hat Enterprise Linux 10000": "", "": "",
	} {
		r, err := ReleaseOf(title)
		require.Equal(t, want, r.Name, title)
		if want == "" {
			require.ErrorIs(t, err, ErrUnknownRelease, title)
		}
	}
}

var numbers = regexp.MustCompile(`\d+$`)

func TestVersion(t *testing.T) {
	for text, want := range map[string]Version{
		"2.1.7-5.el9_4": {2, 1, 7}, "1:4.12.0-2": {4, 12, 0}, "2.1.5+20230502.802a72226": {2, 1, 5}, "3.0": {3, 0, 0}, "3": {3, 0, 0},
		"5.0.0~rc2-1": {5, 0, 0}, "1.1.15-5.el6": {1, 1, 15}, "0.9.169": {0, 9, 169},
	} {
		v, err := ParseVersion(text)
		require.NoError(t, err, text)
		require.Equal(t, want, v, text)
	}
	for _, text := range []string{"", "x", "-1", "2.1.7 5", "9999999", "2..1", "v2.1"} {
		_, err := ParseVersion(text)
		require.Error(t, err, text)
	}
	require.Negative(t, Version{2, 1, 9}.Compare(Version{2, 1, 10}))
	two, err := parseSeries("2.0-2.1")
	require.NoError(t, err)
	three, err := parseSeries("3")
	require.NoError(t, err)
	require.True(t, two.below(Version{3, 0, 0}))
	require.True(t, two.below(Version{2, 2, 0}))
	require.False(t, two.below(Version{2, 1, 9}))
	require.False(t, three.below(Version{3, 5, 0}))
	require.True(t, three.below(Version{4, 0, 0}))
	require.False(t, Series{}.below(Version{1, 0, 0}), "of what is not known nothing is said")
	require.Equal(t, "2.0 to 2.1, 3, not known", two.String()+", "+three.String()+", "+Series{}.String())
}
