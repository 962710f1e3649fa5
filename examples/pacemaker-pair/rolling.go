package main

import (
	"errors"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pair/pairtest"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

// rollingApp is "pacemaker-pair rolling": the same job, of a configuration that says "way: rolling", with an example of its own.
func rollingApp() *cli.App {
	a := app()
	return &cli.App{
		Name: a.Name + " rolling", Title: "rolling update of a Pacemaker pair within its release, in one cluster all along", Version: a.Version,
		Read: a.Read, Schema: a.Schema, Example: rollingExample, Private: a.Private, World: a.World, Person: a.Person,
		Load: func(cfg *cli.Config) (*evenkeel.Runbook, error) {
			if jobOf(cfg).Way != readiness.Rolling {
				return nil, errors.New("way: the configuration goes another way: write way: rolling")
			}
			return load(cfg)
		},
	}
}

// rollingExample is the example of the other way, on EL 9 and for the latest minor release of it.
func rollingExample(into, dir string) (*cli.Config, error) {
	c := &pairConfig{Way: readiness.Rolling, From: "el9"}
	c.stay()
	return c.example(into, dir)
}

// stay has a pair on the way rolling stay on its release, and get the latest minor release of it that is simulated.
func (c *pairConfig) stay() {
	if c.Way == readiness.Rolling {
		c.To, c.Versions = c.From, pairtest.Versions(c.From)
	}
}
