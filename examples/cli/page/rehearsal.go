package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// Rehearsal is what a rehearsal found, for a page, and for programs.
type Rehearsal struct {
	Title    string   `json:"title"`
	Digest   string   `json:"digest,omitempty"` // of the runbook that is signed
	Made     string   `json:"made,omitempty"`
	Sentence string   `json:"sentence"` // what is signed
	Banner   string   `json:"banner,omitempty"`
	Notes    []string `json:"notes"`
	Commands int      `json:"commands"` // of the straight run
	Records  int      `json:"records"`
	Space    int      `json:"space"` // schedules in all
	Tried    int      `json:"tried"`
	Left     int      `json:"left"` // that were to be tried, and were not
	Met      int      `json:"met"`
	Broke    int      `json:"broke"`
	Down     int      `json:"down_at_the_end"` // schedules at whose end something was down

	Rollbacks RehearsedRollbacks `json:"rollbacks"`
	Pairs     RehearsedPairs     `json:"pairs"` // counted apart: none of them is in the numbers above, nor in the kinds

	Kinds    []RehearsedKind `json:"kinds"`
	Steps    []RehearsedStep `json:"steps"`
	Within   []RehearsedStep `json:"within_rollbacks,omitempty"` // by the step from which the run was rolled back
	Told     *Story          `json:"told,omitempty"`             // the one schedule that was asked for, where it broke nothing
	Worst    *Story          `json:"worst_outage,omitempty"`
	Findings []Story         `json:"findings"`
}

// RehearsedRollbacks is the part that is rollbacks.
type RehearsedRollbacks struct {
	Played int `json:"played"` // without an interruption
	Apart  int `json:"apart"`  // of these, from a state from which none before had begun
	Within int `json:"within"` // schedules within them
}

// Words are the numbers in words.
func (r RehearsedRollbacks) Words() string {
	if r.Apart == 0 { // the first one always is, where that was found out
		return fmt.Sprintf("Rollbacks that nothing interrupted: %d. What can go wrong within them was not tried.", r.Played)
	}
	return fmt.Sprintf("Rollbacks that nothing interrupted: %d, from %d different states. Rollbacks in which something went wrong: %d.",
		r.Played, r.Apart, r.Within)
}

// RehearsedPairs is the part in which two things go wrong in one run.
type RehearsedPairs struct {
	Firsts int             `json:"firsts"` // first parts that they have
	Tried  int             `json:"tried"`
	Broke  int             `json:"broke"`
	Steps  []RehearsedStep `json:"steps,omitempty"` // by the step of the first part; a cell is a kind of the second
}

// Words are the numbers in words.
func (r RehearsedPairs) Words() string {
	return fmt.Sprintf("pairs: %d tried, after %s; %d of them broke something", r.Tried,
		printable.Count(r.Firsts, "different first part"), r.Broke)
}

// RehearsedKind is a kind of schedule.
type RehearsedKind struct {
	Kind  evenkeel.ScheduleKind `json:"kind"`
	Words string                `json:"words"`
	Tally
}

// RehearsedStep is what became of the schedules that go apart in one step, by kind in the order of the kinds.
type RehearsedStep struct {
	Number int     `json:"number"` // 0: before the first step
	ID     string  `json:"id"`
	Title  string  `json:"title"`
	Cells  []Tally `json:"cells"`
	Tally

	Rollback bool `json:"-"` // within the rollbacks from this step
	Pairs    bool `json:"-"` // of pairs whose first part lies in this step
}

// Where says where its schedules go apart: in a step, or in the rollback from one.
func (s *RehearsedStep) Where() string {
	if s.Pairs {
		return fmt.Sprintf("second after step %d", s.Number)
	}
	if s.Rollback {
		return fmt.Sprintf("in rollback from step %d", s.Number)
	}
	return fmt.Sprintf("step %d", s.Number)
}

// Rows are all rows of the coverage.
func (r *Rehearsal) Rows() (rows []*RehearsedStep) {
	for _, list := range [][]RehearsedStep{r.Steps, r.Within, r.Pairs.Steps} {
		for i := range list {
			rows = append(rows, &list[i])
		}
	}
	return rows
}

// Tally counts schedules, and how they ended.
type Tally struct {
	Explored int                           `json:"explored"`
	Broke    int                           `json:"broke"`
	Down     int                           `json:"down_at_the_end"`
	Ends     map[evenkeel.RehearsalEnd]int `json:"ends,omitempty"`
}

// Add adds what became of others.
func (t *Tally) Add(explored, broke, down int, ends map[evenkeel.RehearsalEnd]int) {
	t.Explored, t.Broke, t.Down = t.Explored+explored, t.Broke+broke, t.Down+down
	for end, n := range ends {
		if t.Ends == nil {
			t.Ends = map[evenkeel.RehearsalEnd]int{}
		}
		t.Ends[end] += n
	}
}

// Ends are the ways in which a schedule can end well, the best first, with their letters.
var Ends = []struct {
	End    evenkeel.RehearsalEnd
	Letter string
}{{evenkeel.Finished, "F"}, {evenkeel.Resumed, "R"}, {evenkeel.RolledBack, "B"}, {evenkeel.Held, "H"}, {evenkeel.Misled, "M"}}

// Broken and Untried are the letters of what broke something, and of what was not tried.
const (
	Broken  = "X"
	Untried = "·"
)

// Letter is the letter of the gravest end.
func (t *Tally) Letter() string {
	if t.Broke > 0 {
		return Broken
	}
	letter := Untried
	for _, e := range Ends {
		if t.Ends[e.End] > 0 {
			letter = e.Letter
		}
	}
	return letter
}

// Words are the numbers in words.
func (t *Tally) Words() string {
	if t.Explored == 0 {
		return "not tried"
	}
	words := []string{printable.Count(t.Explored, "schedule")}
	if t.Broke > 0 {
		words = append(words, fmt.Sprintf("%d BROKE SOMETHING", t.Broke))
	}
	for _, e := range Ends {
		if n := t.Ends[e.End]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, e.End))
		}
	}
	if t.Down > 0 {
		words = append(words, fmt.Sprintf("something down at the end of %d", t.Down))
	}
	return strings.Join(words, ", ")
}

// Count is how many ended in one way.
func (t *Tally) Count(end evenkeel.RehearsalEnd) int { return t.Ends[end] }

// Story is what happened in a schedule.
type Story struct {
	Schedule string        `json:"schedule"`
	What     string        `json:"what"` // in words
	Step     int           `json:"step"` // in which it goes apart from the straight run; 0 before the first one
	Verdict  string        `json:"verdict"`
	Again    string        `json:"again"`          // the command that repeats it
	From     string        `json:"from,omitempty"` // the longer schedule that broke the same
	Lasted   time.Duration `json:"lasted_ns"`
	Targets  []string      `json:"targets,omitempty"`
	Lines    []StoryLine   `json:"lines,omitempty"` // none where it is not told
}

// StoryLine is something that happened.
type StoryLine struct {
	After  time.Duration `json:"after_ns"` // the beginning of the story
	Step   int           `json:"step"`
	Who    string        `json:"who"`
	Text   string        `json:"text"`
	Served []string      `json:"served,omitempty"` // what is served elsewhere than before, in words
	Where  []string      `json:"-"`                // each target; empty: nowhere
}

// When is the time since the beginning, for the reader.
func (l StoryLine) When() string { return "+" + printable.Duration(l.After) }

//go:embed rehearsal.html
var rehearsalHTML string

var rehearsalTemplate = template.Must(template.New("rehearsal").Funcs(template.FuncMap{
	"line": printable.Line, "lane": lane, "letters": letters, "ends": func() any { return Ends }, "inc": func(i int) int { return i + 1 },
}).Parse(headHTML + rehearsalHTML))

// WriteRehearsal writes what a rehearsal found as one HTML file, which needs nothing from outside.
func WriteRehearsal(w io.Writer, r *Rehearsal) error {
	return rehearsalTemplate.Execute(w, struct {
		*Rehearsal
		Title  string
		CSS    template.CSS
		Policy string
		Heat   template.HTML
	}{r, "Rehearsal: " + printable.Line(r.Title), template.CSS(pageCSS), policy(), r.heat()}) //nolint:gosec // our own
}

// letters say what each letter means.
func letters() (list []string) {
	for _, e := range Ends {
		list = append(list, e.Letter+": "+string(e.End)+": "+e.End.Words())
	}
	return append(list, Broken+": it broke something", Untried+": not tried")
}

// heat is the coverage, a row a step, or the rollbacks from one, and a column a kind. A cell has the letter of its gravest end.
func (r *Rehearsal) heat() template.HTML {
	const cell, row = 26, 20
	var b strings.Builder
	put := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	rows := r.Rows()
	width, height := left+cell*len(r.Kinds)+8, row*(len(rows)+1)+8
	put(`<svg role="img" aria-labelledby="heat-title" width="%d" height="%d" viewBox="0 0 %d %d"><title id="heat-title">Coverage, `+
		`by step and kind of schedule</title>`, width, height, width, height)
	for i, k := range r.Kinds {
		put(`<text class="small" text-anchor="middle" x="%d" y="%d">%d<title>%s</title></text>`, left+cell*i+cell/2, row-6, i+1, text(k.Words))
	}
	for j, s := range rows {
		label := fmt.Sprintf("%d %s", s.Number, s.ID)
		if s.Rollback {
			label = "rollback from " + label
		}
		if s.Pairs {
			label = "pairs after " + label
		}
		y, name := row*(j+1), []rune(printable.Line(label))
		if most := (left - 12) * 10 / int(letter*10); len(name) > most {
			name = append(name[:most-1], '…')
		}
		put(`<text x="4" y="%d">%s<title>%s</title></text>`, y+row-6, text(string(name)), text(s.Title))
		for i := range s.Cells {
			c := &s.Cells[i]
			put(`<rect class="cell end%s" x="%d" y="%d" width="%d" height="%d"><title>%s</title></rect>`, ends[c.Letter()], left+cell*i, y+1,
				cell-2, row-2, text(fmt.Sprintf("%s, %s: %s", s.Where(), r.Kinds[i].Words, c.Words())))
			put(`<text class="small" text-anchor="middle" x="%d" y="%d">%s</text>`, left+cell*i+cell/2-1, y+row-6, c.Letter())
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // every text in it is escaped
}

// ends are the classes of the cells by their letters.
var ends = map[string]string{"F": "0", "R": "1", "B": "2", "H": "3", "M": "4", Broken: "X", Untried: ""}

// lane draws what a story shows served: a row for each target that is ever served elsewhere than at the beginning, a column a line.
func lane(s Story, number int) template.HTML {
	var moving []int
	var places []string
	for i := range s.Targets {
		for _, l := range s.Lines {
			if where := l.Where[i]; where != "" && !slices.Contains(places, where) {
				places = append(places, where)
			}
			if l.Where[i] != s.Lines[0].Where[i] && !slices.Contains(moving, i) {
				moving = append(moving, i)
			}
		}
	}
	if len(moving) == 0 {
		return ""
	}
	var b strings.Builder
	put := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	column := max(6, float64(timeWidth)/float64(len(s.Lines)))
	width, height := left+int(column*float64(len(s.Lines)))+8, rowHeight*len(moving)+24
	put(`<svg role="img" aria-labelledby="lane%d" width="%d" height="%d" viewBox="0 0 %d %d"><title id="lane%d">What is served in this `+
		`schedule, a column a line of the story</title>`, number, width, height, width, height, number)
	for row, i := range moving {
		y := rowHeight * row
		put(`<text x="4" y="%d">%s</text><path class="base" d="M%d %dH%.1f"/>`, y+16, text(printable.Line(s.Targets[i])), left, y+rowHeight/2,
			left+column*float64(len(s.Lines)))
		for from := 0; from < len(s.Lines); {
			to := from
			for to < len(s.Lines) && s.Lines[to].Where[i] == s.Lines[from].Where[i] {
				to++
			}
			if where := s.Lines[from].Where[i]; where != "" {
				x, wide := left+column*float64(from), column*float64(to-from)
				put(`<rect class="bar place%d" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s</title></rect>`,
					slices.Index(places, where)%len(patterns), x, y+3, wide, rowHeight-6, text(s.Targets[i]+" on "+where))
				if letter*float64(len(where))+6 < wide {
					put(`<text class="small" x="%.1f" y="%d">%s</text>`, x+4, y+16, text(where))
				}
			}
			from = to
		}
	}
	for i, l := range s.Lines {
		if l.Who == string(evenkeel.ActorFault) {
			put(`<path class="noreturn" d="M%.1f 0V%d"><title>%s</title></path>`, left+column*float64(i), height-20, text(l.Text))
		}
	}
	put(`<text class="small" x="%d" y="%d">in the order of the story; the broken red line is what went wrong, a gap is an outage</text></svg>`,
		left, height-6)
	return template.HTML(b.String()) //nolint:gosec // every text in it is escaped
}
