package cli

import (
	"context"
	_ "embed" // the schema
	"reflect"

	"github.com/spf13/cobra"
)

//go:embed fleet.schema.json
var fleetSchema []byte

// FleetSchema is the JSON schema (draft 2020-12) of a fleet file.
func FleetSchema(comments Comments) ([]byte, error) {
	return shapeOf(reflect.TypeFor[fleetFile]()).schema(comments).text("Fleet file of evenkeel", "pairs")
}

// FleetReference are the keys of a fleet file, as a table in Markdown.
func FleetReference(comments Comments) string {
	return shapeOf(reflect.TypeFor[fleetFile]()).table(comments)
}

func (a *App) fleetSchemaCommand() *cobra.Command {
	return a.Command(&cobra.Command{
		Use: "schema", Short: "Print the JSON schema of a fleet file, for editors",
		Long: `Print the JSON schema (draft 2020-12) of a fleet file. An editor with the YAML language server completes and checks what you
type, where the first line of the file names the schema:

  # yaml-language-server: $schema=fleet.schema.json`,
		Example: "  TOOL fleet schema > fleet.schema.json",
	}, func(context.Context, []string) (int, error) { return a.Say(string(fleetSchema)) })
}
