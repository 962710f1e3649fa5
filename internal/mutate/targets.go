package main

import (
	"path"
	"slices"
)

// target is a package whose mutants are tried, and what tries them.
type target struct {
	pkg     string
	run     string    // of its own tests, those that try mutants; all of them when empty
	skip    []string  // files that are not mutated, as patterns
	held    []string  // files, as patterns, all of whose mutants are found, or stand in the list of equivalents: CI tries a sample of these
	further []further // what is tried where its own tests found nothing
}

// further are tests of another package that stands on a target.
type further struct{ pkg, run string }

// holds tells whether no mutant of a file survives.
func (t target) holds(file string) bool { return matches(t.held, file) }

func matches(patterns []string, file string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { ok, _ := path.Match(pattern, file); return ok })
}

// presented are files of the engine that make what people read; goldens hold them, and a mistake in a word is none in a run.
var presented = []string{"render*.go", "sheet*.go", "timetable*.go", "rehearse_report.go", "rehearse_story.go"}

// targets are the engine, the planners, the probes and the runbooks.
var targets = []target{
	{pkg: ".", skip: presented},
	{pkg: "./sshexec/change", held: []string{"*.go"}},
	{pkg: "./mongo"},
	{pkg: "./mongo/live"},
	{pkg: "./pacemaker/placement"},
	{pkg: "./pacemaker/rebuild"},
	{pkg: "./pacemaker/live"},
	{pkg: "./lustre/manager", held: []string{"bundle.go"}},
	{pkg: "./lustre/upgrade", run: wholeRuns},
	{pkg: "./cps/maintenance"},
	{pkg: "./cps/issm", run: wholeRuns},
}

// wholeRuns leaves out of the tests of the large runbooks those that take minutes, also with -short.
const wholeRuns = `^Test(ThePairIsUpgraded|Markdown|Options|Rollback|HandOver|LetGo|Offline|TheGuards|Guards|EachProbe|WhatTheProbes|EachCheckStates|` +
	`Preflight|ISSMOn|Migrate|Config|Review|Geo|Arbiter|Carbon|Drain|Sum|Prior|Votes|Node2|NIDs|Calm|EveryRing|Every|Health)`
