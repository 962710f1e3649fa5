package main

// target is a package whose mutants are tried, and what tries them.
type target struct {
	pkg  string
	run  string   // of its own tests, those that try mutants; all of them when empty
	skip []string // files, as patterns
	// what is tried where its own tests found nothing
	further []further
}

// further are tests of another package that stands on a target.
type further struct{ pkg, run string }

var targets = []target{
	{pkg: "."},
	{pkg: "./sshexec/change"},
	{pkg: "./mongo"},
	{pkg: "./mongo/live"},
	{pkg: "./pacemaker/placement"},
	{pkg: "./pacemaker/rebuild"},
	{pkg: "./pacemaker/live"},
	{pkg: "./lustre/manager"},
	{pkg: "./lustre/upgrade"},
	{pkg: "./cps/maintenance"},
	{pkg: "./cps/issm"},
}
