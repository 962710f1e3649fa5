package site

import (
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
	"github.com/evenkeel-ha/evenkeel/examples/internal/pairfiles"
)

// lustreVersion is the version of lustre-hapair whose runs these are: its status and report read their journals.
const lustreVersion = "0.1.0"

// Lustre is the job of lustre-hapair.
func Lustre() *cli.App {
	return &cli.App{
		Name: "lustre-hapair", Title: "upgrade of a Lustre server pair", Version: lustreVersion,
		Read: cli.ReadConfig[lustrejob.Config], Load: lustrejob.Load, Example: lustrejob.Example, World: lustrejob.World,
		Person: pairfiles.Technician,
	}
}
