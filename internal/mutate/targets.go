package main

import (
	"path"
	"slices"
)

// target is a package whose mutants are tried, and what tries them.
type target struct {
	tests            // its own, which are tried first
	further []tests  // those of packages that stand on it, where its own tests found nothing
	skip    []string // files that are not mutated, as patterns
	held    []string // files, as patterns, all of whose mutants are found, or stand in the list of equivalents: CI tries a sample of these
}

// tests are those of a package whose names fit run, or all, but those that fit slow; with the build tags.
type tests struct{ pkg, run, slow, tags string }

// holds tells whether no mutant of a file survives.
func (t target) holds(file string) bool { return matches(t.held, file) }

func matches(patterns []string, file string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { ok, _ := path.Match(pattern, file); return ok })
}

// presented are files of the engine that make what people read; goldens hold them, and a mistake in a word is none in a run.
var presented = []string{"render*.go", "sheet*.go", "timetable*.go", "rehearse_report.go", "rehearse_story.go"}

// minutes are tests of the runbooks that take them, also with -short: rehearsals, lies, runbooks by hand. They come second.
const minutes = `Rehears|EveryFault|OfflineFaults|ByHand|Seeded|Lies?$|LiedTo|EveryCheck|TheRecord|EverySize|GROf60|EveryChoice|Choices|NoOutputPasses|Silence`

// What stands on the packages below: the pair, and the cluster, changed in earnest.
var (
	pair     = []tests{{pkg: "./lustre/upgrade", run: "^TestThePairIsUpgraded$"}}
	cluster  = []tests{{pkg: "./cps/issm", run: "^TestISSMOnTheSimulatedCluster$"}}
	simulate = []tests{{pkg: "./pacemaker/placement", tags: "integration", run: "CrmSimulate|Mutations|Random"}} // where it is installed
	engine   = []tests{{pkg: "./lustre/manager", run: "Rehears"}, {pkg: "./cps/maintenance", run: "Rehears"}}
)

// targets are the engine, the planners, the probes and the runbooks.
var targets = []target{
	{tests: tests{pkg: "."}, further: engine, skip: presented},
	{tests: tests{pkg: "./sshexec/change"}, further: engine, held: []string{"*.go"}},
	{tests: tests{pkg: "./mongo"}, further: cluster, held: []string{"bson.go", "canlose.go", "hello.go", "kind.go", "lag.go", "oplog.go",
		"predict.go", "rollover.go", "s*.go"}},
	{tests: tests{pkg: "./mongo/live"}, further: cluster, held: []string{"credential.go", "document.go", "force.go"}},
	{tests: tests{pkg: "./pacemaker/placement"}, further: simulate, held: []string{"loops.go", "placement.go", "rules.go", "tickets.go",
		"unsupported.go"}},
	{tests: tests{pkg: "./pacemaker/rebuild"}, further: pair},
	{tests: tests{pkg: "./pacemaker/live"}, further: pair},
	{tests: tests{pkg: "./lustre/manager"}, held: []string{"bundle.go"}},
	{tests: tests{pkg: "./lustre/upgrade", slow: minutes}, further: []tests{{pkg: "./lustre/upgrade", run: minutes}}},
	{tests: tests{pkg: "./cps/maintenance"}},
	{tests: tests{pkg: "./cps/issm", slow: minutes}, further: []tests{{pkg: "./cps/issm", run: minutes}}},
}
