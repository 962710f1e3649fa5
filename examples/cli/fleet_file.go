package cli

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// fleetFile is a fleet file. Paths in it are relative to it.
type fleetFile struct {
	Name     string       `yaml:"name,omitempty"`                     // what it is called in the table and in questions; the name of the file when empty
	Journals string       `yaml:"journals,omitempty"`                 // the directory of the fleet's journal and of those of the pairs; journals when empty
	Limit    int          `yaml:"limit,omitempty"`                    // how many pairs may be at work at once; 1 when empty
	Failures int          `yaml:"failures,omitempty"`                 // after so many pairs have failed nothing new begins; 1 when empty
	Stops    string       `yaml:"stops,omitempty" oneof:"fleet,wave"` // what they stop: the fleet, or their wave alone; fleet when empty
	Waves    []fileWave   `yaml:"waves,omitempty"`                    // in their order, the canary first. One wave when empty
	Sites    []fileSite   `yaml:"sites,omitempty"`                    // where pairs stand, and when they may be worked on there
	Apart    []fileApart  `yaml:"apart,omitempty"`                    // windows that may not be open on two pairs of one label at once
	Pairs    []fileMember `yaml:"pairs"`                              // begun in this order
}

// fileWave is a wave.
type fileWave struct {
	Name    string        `yaml:"name"`              // what its pairs call it
	Soak    time.Duration `yaml:"soak,omitempty"`    // how long it is watched, when it is done, before the next wave begins
	Confirm bool          `yaml:"confirm,omitempty"` // the operator confirms it before the next wave begins
}

// fileSite is a site.
type fileSite struct {
	Name     string       `yaml:"name"`     // what its pairs call it
	TimeZone string       `yaml:"timezone"` // of its windows, by its name: Europe/Paris, UTC
	Windows  []fileWindow `yaml:"windows"`  // its maintenance windows: a pair begins only where all of it fits into one
}

// fileWindow is a maintenance window.
type fileWindow struct {
	From string `yaml:"from"` // when it begins: "2026-12-05 22:00", or every week: "Sat 22:00"
	To   string `yaml:"to"`   // when it is over, in the same form
}

// fileApart keeps the windows of pairs apart.
type fileApart struct {
	Label   string   `yaml:"label"`             // of two pairs that have the same value of this label only one has such a window open
	Windows []string `yaml:"windows,omitempty"` // the windows of the runbook; every outage of it when empty
}

// fileMember is a pair.
type fileMember struct {
	Name     string            `yaml:"name"`                      // what it is called: letters, digits, dot, dash and underscore
	Config   string            `yaml:"config"`                    // its configuration file; the journal that it names is in journals
	Wave     string            `yaml:"wave,omitempty"`            // the first wave when empty
	Site     string            `yaml:"site,omitempty"`            // where it stands; without one it may begin at any time
	Labels   map[string]string `yaml:"labels,omitempty"`          // by labels of apart, what it shares with others: {filesystem: lustre1}; none: nothing
	Approved string            `yaml:"approved_digest,omitempty"` // the digest of the plan that was signed: another one is refused
	Takes    time.Duration     `yaml:"takes,omitempty"`           // how long it takes, for the maintenance window; as its plan says when empty
}

// member is a pair of a fleet that was read.
type member struct {
	fileMember
	cfg  *Config
	book *evenkeel.Runbook // nil where it cannot be made
	// unread is why its configuration, or what that names, cannot be read. cfg has what could be.
	unread error
}

// loadedFleet is a fleet file with all that it names.
type loadedFleet struct {
	fleet
	tool    string // the name of the binary
	file    fleetFile
	at      *Config // where the keys of the file stand
	members []member
	was     *evenkeel.RunInfo   // what the journal of the fleet knows it by; nil where it has not begun
	noted   map[string][]string // the digests that the runbooks of a pair have had, as the journal of the fleet tells
}

func (f *loadedFleet) title() string   { return cmp.Or(f.file.Name, filepath.Base(f.at.file)) }
func (f *loadedFleet) folder() string  { return f.at.Path(cmp.Or(f.file.Journals, "journals")) }
func (f *loadedFleet) journal() string { return filepath.Join(f.folder(), "fleet.jsonl") }

// config is the path of the configuration of a pair.
func (f *loadedFleet) config(i int) string { return f.at.Path(f.members[i].Config) }

// loadFleet reads a fleet file and every configuration that it names. All that is wrong is said at once.
func (a *App) loadFleet(path string) (*loadedFleet, error) { return a.readFleet(path, false) }

// readFleet is loadFleet; in part, where a configuration that cannot be read is kept with its pair, and is no error.
func (a *App) readFleet(path string, inPart bool) (*loadedFleet, error) {
	f := &loadedFleet{tool: a.Name}
	doc, err := decode(path, &f.file)
	if err != nil {
		return nil, err
	}
	f.at = &Config{dir: filepath.Dir(path), file: path, doc: doc}
	var w wrong
	f.rules(&w)
	sites := f.sites(&w)
	for i := range f.file.Pairs {
		f.add(a, i, sites, &w, inPart)
	}
	if len(w) == 0 {
		f.apart(&w)
		f.journals(&w)
		f.order()
	}
	return f, f.placed(w)
}

// placed are mistakes, each with its line before it; nil where there are none.
func (f *loadedFleet) placed(w wrong) error {
	var errs []error
	for _, problem := range w {
		errs = append(errs, errors.New(f.at.at(problem)))
	}
	return errors.Join(errs...)
}

// wrong are mistakes, each with its key before it.
type wrong []string

func (w *wrong) add(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

// name refuses a name that cannot stand before a line, or that is given twice.
func (w *wrong) name(key, name string, before []string) {
	switch {
	case !shellWord.MatchString(name):
		w.add("%s: name: %q is no name: letters, digits, dot, dash and underscore, and no dash in front", key, name)
	case slices.Contains(before, name):
		w.add("%s: name: %s is there twice", key, name)
	}
}

// rules reads what holds for all pairs.
func (f *loadedFleet) rules(w *wrong) {
	file := &f.file
	f.Limit, f.Failures, f.InWave = cmp.Or(file.Limit, 1), cmp.Or(file.Failures, 1), file.Stops == "wave"
	if file.Limit < 0 {
		w.add("limit: %d pairs cannot be at work", file.Limit)
	}
	if file.Failures < 0 {
		w.add("failures: there are no %d failures", file.Failures)
	}
	if len(file.Pairs) == 0 {
		w.add("pairs: a fleet needs pairs")
	}
	var names []string
	for i, wave := range file.Waves {
		key := fmt.Sprintf("waves[%d]", i)
		w.name(key, wave.Name, names)
		names = append(names, wave.Name)
		if wave.Soak < 0 {
			w.add("%s: soak: %s is no time to wait", key, short(wave.Soak))
		}
		f.Waves = append(f.Waves, fleetWave(wave))
	}
	if len(f.Waves) == 0 {
		f.Waves = []fleetWave{{Name: "all"}}
	}
	for i, wave := range file.Waves {
		if !slices.ContainsFunc(file.Pairs, func(m fileMember) bool { return cmp.Or(m.Wave, f.Waves[0].Name) == wave.Name }) {
			w.add("waves[%d]: name: no pair is in wave %s", i, wave.Name)
		}
	}
}

// sites reads the sites and their maintenance windows.
func (f *loadedFleet) sites(w *wrong) map[string]*fleetSite {
	sites := map[string]*fleetSite{}
	var names []string
	for i, s := range f.file.Sites {
		key := fmt.Sprintf("sites[%d]", i)
		w.name(key, s.Name, names)
		names = append(names, s.Name)
		zone, err := time.LoadLocation(s.TimeZone)
		if err != nil || s.TimeZone == "" || s.TimeZone == "Local" {
			w.add("%s: timezone: there is no time zone %q here: name one such as Europe/Paris, or UTC", key, s.TimeZone)
			zone = time.UTC
		}
		if len(s.Windows) == 0 {
			w.add("%s: windows: a site needs maintenance windows; a pair without a site may begin at any time", key)
		}
		site := &fleetSite{Name: s.Name, Zone: zone}
		for j, one := range s.Windows {
			m, err := parseMaintenance(one.From, one.To, zone)
			if err != nil {
				w.add("%s.windows[%d]: %v", key, j, err)
			}
			site.Windows = append(site.Windows, m)
		}
		sites[s.Name] = site
	}
	return sites
}

// add reads a pair and its configuration.
func (f *loadedFleet) add(a *App, i int, sites map[string]*fleetSite, w *wrong, inPart bool) {
	m := member{fileMember: f.file.Pairs[i]}
	key := fmt.Sprintf("pairs[%d]", i)
	var before []string
	for _, other := range f.file.Pairs[:i] {
		before = append(before, other.Name)
	}
	w.name(key, m.Name, before)
	p := fleetPair{Name: m.Name, Takes: m.Takes, Keys: map[string][]string{}}
	var waves, known []string
	for _, wave := range f.Waves {
		waves = append(waves, wave.Name)
	}
	if p.Wave = slices.Index(waves, cmp.Or(m.Wave, waves[0])); p.Wave < 0 {
		w.add("%s: wave: there is no wave %q%s", key, m.Wave, meant(m.Wave, waves))
	}
	for name := range sites {
		known = append(known, name)
	}
	if p.Site = sites[m.Site]; m.Site != "" && p.Site == nil {
		w.add("%s: site: there is no site %q%s", key, m.Site, meant(m.Site, known))
	}
	if m.Takes < 0 {
		w.add("%s: takes: %s is no time that something takes", key, short(m.Takes))
	}
	if m.Config == "" {
		w.add("%s: config: name its configuration file", key)
	} else {
		var own wrong
		if f.configure(a, key, &m, &p, &own); m.book == nil && inPart {
			m.unread, own = f.placed(own), nil
		}
		*w = append(*w, own...)
	}
	f.members, f.Pairs = append(f.members, m), append(f.Pairs, p)
}

// configure reads the configuration of a pair.
func (f *loadedFleet) configure(a *App, key string, m *member, p *fleetPair, w *wrong) {
	var err error
	if m.cfg, m.book, err = a.load(f.at.Path(m.Config)); err != nil {
		for _, line := range lines(err) {
			w.add("%s: config: %s", key, line)
		}
		m.book = nil
		if m.cfg, _ = a.Read(f.at.Path(m.Config)); m.cfg == nil {
			m.cfg = &Config{file: f.at.Path(m.Config)}
		}
		return
	}
	if err := m.cfg.approval(m.book, m.Approved, "run"); err != nil {
		w.add("%s: approved_digest: %v", key, err)
	}
	if m.Takes == 0 {
		plan, err := m.book.Timetable(evenkeel.TimetableOptions{})
		switch {
		case err != nil:
			w.add("%s: config: %v", key, err)
			return
		case plan.Total.AtLeast && p.Site != nil:
			w.add("%s: takes: its plan does not know how long all of it takes (at least %s): say it, for the maintenance windows of %s",
				key, printable.Duration(plan.Total.For), p.Site.Name)
		}
		p.Takes = plan.Total.For
	}
	if p.Site != nil && !p.Site.ever(p.Takes) {
		w.add("%s: site: it takes %s, and no maintenance window of %s is that long; where you know better, say so by takes",
			key, short(p.Takes), p.Site.Name)
	}
	for _, host := range m.book.Leased() {
		p.Machines = append(p.Machines, cmp.Or(m.cfg.Hosts[host], host))
	}
}

// ever tells whether a maintenance window is long enough.
func (s *fleetSite) ever(takes time.Duration) bool {
	return slices.ContainsFunc(s.Windows, func(m maintenance) bool { return m.to.Sub(m.from) >= takes })
}

// journals has each pair keep its journal in the folder of the fleet, in a file of its own: resume and rollback of the pair alone, by its
// configuration, find it there.
func (f *loadedFleet) journals(w *wrong) {
	for i, m := range f.members {
		if m.unread != nil && m.cfg.Journal == "" { // nobody knows where it is
			continue
		}
		path := m.cfg.Path(m.cfg.Journal)
		key := fmt.Sprintf("pairs[%d]", i)
		if place(filepath.Join(filepath.Dir(path), "x")) != place(filepath.Join(f.folder(), "x")) {
			w.add("%s: config: %s names the journal %s, which is not in the folder of the fleet's journals, %s: give it one there",
				key, m.cfg.file, path, f.folder())
		}
		if samePlace(path, f.journal()) {
			w.add("%s: config: %s is the journal of the fleet itself: name another one", key, path)
		}
		for _, other := range f.members[:i] {
			if samePlace(path, other.cfg.Path(other.cfg.Journal)) {
				w.add("%s: config: its journal %s is that of %s too", key, path, other.Name)
			}
		}
	}
}

// order sorts the pairs by their waves.
func (f *loadedFleet) order() {
	index := make([]int, len(f.Pairs))
	for i := range index {
		index[i] = i
	}
	slices.SortStableFunc(index, func(a, b int) int { return f.Pairs[a].Wave - f.Pairs[b].Wave })
	var pairs []fleetPair
	var members []member
	for _, i := range index {
		pairs, members = append(pairs, f.Pairs[i]), append(members, f.members[i])
	}
	f.Pairs, f.members = pairs, members
}
