package main

import (
	"embed"
	"strings"
)

//go:embed schema
var schemas embed.FS

// schemaOf is the JSON schema of the configuration of a job.
func schemaOf(name string) []byte {
	raw, err := schemas.ReadFile("schema/" + strings.ReplaceAll(name, " ", "-") + ".json")
	if err != nil {
		panic(err) // a test looks at each
	}
	return raw
}
