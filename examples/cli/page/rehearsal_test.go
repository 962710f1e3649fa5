package page_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli/page"
)

// rehearsed has every kind of text that the page of a rehearsal shows, and bad in each of them.
func rehearsed(bad string) *page.Rehearsal {
	story := page.Story{Schedule: bad, What: bad, Step: 1, Verdict: bad, Again: bad, From: bad, Targets: []string{bad, "u", "v"}, Lines: []page.StoryLine{
		{After: time.Second, Step: 1, Who: bad, Text: bad, Where: []string{"a" + bad, "b", "c"}},
		{After: time.Minute, Step: 1, Who: "fault", Text: bad, Served: []string{bad}, Where: []string{"", "b", "c"}},
		{After: time.Hour, Step: 2, Who: "end", Text: bad, Where: []string{"b" + bad, "b", "c"}},
	}}
	r := &page.Rehearsal{Title: bad, Digest: bad, Made: bad, Sentence: bad, Banner: bad, Notes: []string{bad}, Tried: 7, Space: 9, Left: 2,
		Kinds: []page.RehearsedKind{{Kind: evenkeel.ScheduleKind(bad), Words: bad}, {Kind: "fails", Words: "fails"}},
		Told:  &story, Worst: &story, Findings: []page.Story{story, story}}
	ends := map[evenkeel.RehearsalEnd]int{evenkeel.Finished: 2, evenkeel.Held: 1}
	step := page.RehearsedStep{Number: 1, ID: bad, Title: bad, Cells: make([]page.Tally, 2)}
	step.Cells[0].Add(3, 0, 1, ends)
	step.Cells[1].Add(4, 1, 0, map[evenkeel.RehearsalEnd]int{evenkeel.Misled: 3})
	for i := range step.Cells {
		step.Add(step.Cells[i].Explored, step.Cells[i].Broke, step.Cells[i].Down, step.Cells[i].Ends)
	}
	pairs := step
	pairs.Pairs = true
	r.Pairs = page.RehearsedPairs{Firsts: 1, Tried: 7, Steps: []page.RehearsedStep{pairs}}
	r.Steps = []page.RehearsedStep{step, {Number: 2, ID: "s2", Cells: make([]page.Tally, 2)}}
	return r
}

func rehearsalPage(t *testing.T, r *page.Rehearsal) (string, *html.Node) {
	t.Helper()
	var b strings.Builder
	require.NoError(t, page.WriteRehearsal(&b, r))
	root, err := html.Parse(strings.NewReader(b.String()))
	require.NoError(t, err)
	return b.String(), root
}

// Nothing that comes from a file, a machine or a world makes an element, an attribute or a link to the outside.
func TestHostileRehearsal(t *testing.T) {
	_, root := rehearsalPage(t, rehearsed("word"))
	harmless := elements(root)
	for _, bad := range hostile {
		text, root := rehearsalPage(t, rehearsed(bad))
		for _, n := range all(root) {
			require.Contains(t, allowed, n.Data, "%q", bad)
			for _, a := range n.Attr {
				require.False(t, strings.HasPrefix(a.Key, "on"), "%q: %s", bad, a.Key)
				require.NotContains(t, reaching, a.Key, "%q", bad)
				if a.Key == "href" {
					require.Regexp(t, `^#[a-z0-9-]+$`, a.Val, "%q", bad)
				}
			}
		}
		require.Equal(t, harmless["svg"], elements(root)["svg"], "%q", bad)
		for _, name := range []string{"section", "h2", "h3", "table", "tr", "td", "script", "style"} {
			require.Equal(t, harmless[name], elements(root)[name], "%q: %s", bad, name)
		}
		require.NotContains(t, text, "\x1b")
		require.NotContains(t, text, "\u202e")
		require.NotRegexp(t, `(?i)@import|url\((?:[^#])|<script`, text)
	}
}

// The page can be found one's way in by ear and by keyboard, and its policy forbids all but its own style.
func TestWhoHearsARehearsal(t *testing.T) {
	text, root := rehearsalPage(t, rehearsed("word"))
	require.Contains(t, text, `content="default-src &#39;none&#39;; style-src &#39;sha256-`)
	ids, level := map[string]bool{}, 0
	for _, n := range all(root) {
		if id := attr(n, "id"); id != "" {
			require.False(t, ids[id], "id %s stands twice", id)
			ids[id] = true
		}
	}
	for _, n := range all(root) {
		if ref := attr(n, "href"); ref != "" {
			require.True(t, ids[ref[1:]], "%s leads nowhere", ref)
		}
		for _, id := range strings.Fields(attr(n, "aria-labelledby")) {
			require.True(t, ids[id], "%s names nothing", id)
		}
		if len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] >= '1' && n.Data[1] <= '6' {
			require.LessOrEqual(t, int(n.Data[1]-'0'), level+1, "heading %q skips a level", inside(n))
			level = int(n.Data[1] - '0')
		}
		switch n.Data {
		case "section":
			require.NotEmpty(t, attr(n, "aria-labelledby"))
		case "svg":
			require.True(t, attr(n, "role") == "img" && attr(n, "aria-labelledby") != "")
		}
	}
}

// The coverage has the gravest end of each step and kind, and a story has who served what.
func TestWhatARehearsalShows(t *testing.T) {
	text, root := rehearsalPage(t, rehearsed("word"))
	classes, said := map[string]int{}, inside(root)
	for _, n := range all(root) {
		classes[n.Data+"."+attr(n, "class")]++
	}
	require.Equal(t, 2, classes["rect.cell end3"], "held is the gravest of its cell, also of pairs: %v", classes)
	require.Equal(t, 2, classes["rect.cell endX"], "broken: %v", classes)
	require.Equal(t, 2, classes["rect.cell end"], "step 2 was not tried")
	require.Equal(t, 4*2, classes["rect.bar place0"]+classes["rect.bar place1"]+classes["rect.bar place2"], "only what moves has a lane: %v", classes)
	require.Equal(t, 4, classes["path.noreturn"], "the fault in each story")
	for _, want := range []string{"step 1, word: 3 schedules, 2 finished, 1 held, something down at the end of 1",
		"step 1, fails: 4 schedules, 1 BROKE SOMETHING, 3 misled", "7 tried of 9 in all; 2 were to be tried and were not", "+1 m", "not tried",
		"pairs: 7 tried, after 1 different first part; 0 of them broke something", "second after step 1, word: 3 schedules",
		"It was found from a longer schedule that broke the same: word"} {
		require.Contains(t, said, want)
	}
	require.Equal(t, 4, strings.Count(text, "To repeat exactly this schedule"))
	none := rehearsed("word")
	none.Findings, none.Worst, none.Told = nil, nil, nil
	text, _ = rehearsalPage(t, none)
	require.Contains(t, text, "None: no schedule that was tried broke something.")
	require.Contains(t, text, "None was seen, or the world cannot tell.")
	require.NotContains(t, text, "To repeat")
}

// The gravest end gives the letter, whatever else there is.
func TestLetters(t *testing.T) {
	var tally page.Tally
	require.Equal(t, page.Untried, tally.Letter())
	for _, e := range page.Ends {
		tally.Add(1, 0, 0, map[evenkeel.RehearsalEnd]int{e.End: 1})
		require.Equal(t, e.Letter, tally.Letter())
	}
	tally.Add(1, 1, 0, nil)
	require.Equal(t, page.Broken, tally.Letter())
}
