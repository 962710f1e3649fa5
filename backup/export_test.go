package backup

import "os"

// AtPoint has f called before everything that is done to an archive's file: "write", "sync", "name", "sync directory".
func AtPoint(f func(string) error) (undo func()) {
	atPoint = f
	return func() { atPoint = func(string) error { return nil } }
}

// HiddenNames plays a file system without nameless files.
func HiddenNames() (undo func()) {
	namelessFile = func(string) *os.File { return nil }
	return func() { namelessFile = nameless }
}

// RatioGrace lowers what is accepted at any ratio.
func RatioGrace(n int64) (undo func()) {
	was := ratioGrace
	ratioGrace = n
	return func() { ratioGrace = was }
}

// The internal parsers, for fuzzing.
var (
	EscapeName   = escapeName
	UnescapeName = unescapeName
	TarVerdict   = tarVerdict
)

// Complaints are what tarVerdict understood.
func (r takenReport) Complaints() (changed, removed, warnings []string) {
	return r.changed, r.removed, r.warnings
}
