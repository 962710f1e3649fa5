package main

import (
	"embed"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

//go:embed schema
var schemas embed.FS

// schemaOf is the JSON schema of the configuration of a job.
func schemaOf(name string) []byte { return cli.SchemaIn(schemas, name) }
