package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// The groups of commands in the help, in the order in which an operator needs them.
const (
	GroupLook     = "look"
	GroupPrepare  = "prepare"
	GroupCarryOut = "carry out"
	GroupAfter    = "afterwards"
	GroupJobs     = "jobs"
	groupTool     = "tool"
)

var groups = []*cobra.Group{
	{ID: GroupLook, Title: "Look at what you have (nothing is changed):"},
	{ID: GroupPrepare, Title: "Prepare:"},
	{ID: GroupCarryOut, Title: "Carry out:"},
	{ID: GroupAfter, Title: "Afterwards, and meanwhile:"},
	{ID: GroupJobs, Title: "Other jobs, each with commands of its own:"},
	{ID: groupTool, Title: "About this tool:"},
}

// Command finishes a command of this job: run does it and gives the exit code; the error is what is left to be said. In
// its Example the word TOOL stands for the name of the job. It takes no arguments beside its flags unless its Args say so.
func (a *App) Command(c *cobra.Command, run func(ctx context.Context, args []string) (int, error)) *cobra.Command {
	c.Example = strings.ReplaceAll(c.Example, "TOOL", a.Name)
	if c.Args == nil {
		c.Args = cobra.NoArgs
	}
	args := c.Args
	c.Args = func(c *cobra.Command, given []string) error {
		if err := args(c, given); err != nil {
			return usage(c, fmt.Sprintf("beside its flags it takes %s and got %s", operands(c), quoted(given)))
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		code, err := run(c.Context(), args)
		if a.of != nil {
			a.of.carried = a.carried
		}
		// Those were explained at length.
		if said := (saidError{}); err == nil || code == ExitHeld || code == ExitStopped || errors.As(err, &said) {
			return &ended{nil, code}
		}
		return &ended{fmt.Errorf("%s: %w", c.CommandPath(), err), code}
	}
	return c
}

// ended is how a command ended. The exit code may stand alone.
type ended struct {
	error
	code int
}

// usage is a mistake on the command line.
func usage(c *cobra.Command, what string) error {
	return &ended{fmt.Errorf("%s: %s (%[1]s --help says more)", c.CommandPath(), what), ExitInput}
}

// operands are what a command takes beside its flags.
func operands(c *cobra.Command) string {
	if _, what, ok := strings.Cut(c.Use, " "); ok {
		return what
	}
	return "no argument"
}

// quoted are words as a sentence lists them.
func quoted(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Trim(fmt.Sprintf("%q", words), "[]")
}

// Root is the command line of a binary: its own job and the others that it knows.
func (a *App) Root() *cobra.Command {
	root := a.tree(a.Name)
	if !a.Looks {
		root.AddCommand(a.fleetCommand())
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SilenceErrors, root.SilenceUsage = true, true
	root.DisableAutoGenTag = true
	for _, word := range slices.Sorted(maps.Keys(a.Jobs)) {
		job := a.Jobs[word]()
		job.Stdout, job.Stderr, job.Stdin, job.Journal, job.of = a.Stdout, a.Stderr, a.Stdin, a.Journal, a
		job.screen, job.errors, job.under = a.screen, a.errors, a.under
		c := job.tree(word)
		c.GroupID, c.Short = GroupJobs, capital(c.Short)
		root.AddCommand(c)
	}
	root.AddCommand(exitTopic(), a.completionCommand(), a.manCommand(), a.versionCommand())
	root.SetHelpCommand(a.helpCommand())
	for _, c := range append(root.Commands(), root) {
		c.AddGroup(slices.DeleteFunc(slices.Clone(groups), func(g *cobra.Group) bool {
			return !slices.ContainsFunc(c.Commands(), func(sub *cobra.Command) bool { return sub.GroupID == g.ID })
		})...)
	}
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.SetFlagErrorFunc(mistaken)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 120"))
	return root
}

// capital begins a line of its own.
func capital(s string) string {
	_, first := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:first]) + s[first:]
}

// tree are the commands of one job.
func (a *App) tree(word string) *cobra.Command {
	c := a.group(&cobra.Command{Use: word, Short: a.Title,
		Long: fmt.Sprintf("%s: %s\n\nTo see it: %[1]s demo. To read it: %[1]s plan.", a.Name, a.Title)})
	c.AddCommand(a.planCommand(), a.configCommand(), a.demoCommand(), a.simulateCommand(), a.rehearseCommand(),
		a.runCommand(), a.statusCommand(), a.reportCommand())
	if !a.Looks {
		c.AddCommand(a.resumeCommand(), a.rollbackCommand(), a.amendCommand())
	}
	if a.Inspect != nil {
		c.AddCommand(a.inspectCommand())
	}
	if a.Backup != nil {
		c.AddCommand(a.backupCommand())
	}
	for _, verb := range a.Verbs {
		c.AddCommand(verb(a))
	}
	if a.Bare != nil {
		a.bare(c)
	}
	return c
}

// bare lets the word of a job do something by itself where flags follow it.
func (a *App) bare(c *cobra.Command) {
	group := c.RunE
	alone := a.Command(&cobra.Command{Args: cobra.ArbitraryArgs}, a.Bare(a, c)).RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 || !strings.HasPrefix(args[0], "-") || slices.Contains([]string{"-h", "--help"}, args[0]) {
			return group(c, args)
		}
		if err := c.Flags().Parse(args); err != nil {
			return mistaken(c, err)
		}
		return alone(c, c.Flags().Args())
	}
}

// group is a command that does nothing but hold others.
func (a *App) group(c *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	c.AddCommand(commands...)
	c.Args = cobra.ArbitraryArgs
	c.DisableFlagParsing = true // a flag of a command that is not there must not hide that it is not there
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			_, _ = io.WriteString(a.Stderr, c.Long+"\n\n"+c.UsageString())
			return &ended{nil, ExitInput}
		case slices.Contains([]string{"help", "-h", "--help"}, args[0]):
			return help(c, args[1:])
		case strings.HasPrefix(args[0], "-"):
			return usage(c, fmt.Sprintf("a command comes before %s: %s", args[0], strings.Join(within(c), ", ")))
		}
		return unknown(c, args[0])
	}
	return c
}

// unknown is a command that is not there.
func unknown(c *cobra.Command, word string) error {
	return usage(c, fmt.Sprintf("there is no command %q%s", word, meant(word, within(c))))
}

// within are the names of the commands that a command holds.
func within(c *cobra.Command) (names []string) {
	for _, sub := range c.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	return names
}

// helpCommand is "help COMMAND".
func (a *App) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Say more about a command", GroupID: groupTool,
		Long:    "Say more about a command, or about exit-codes.",
		Example: strings.ReplaceAll("  TOOL help plan\n  TOOL help exit-codes", "TOOL", a.Name),
		RunE:    func(c *cobra.Command, args []string) error { return help(c.Root(), args) },
	}
}

// help is the help of a command within another, by its words.
func help(c *cobra.Command, words []string) error {
	c, rest, _ := c.Find(words)
	if len(rest) > 0 {
		return unknown(c, rest[0])
	}
	return c.Help()
}

// mistaken is a mistake in the flags.
func mistaken(c *cobra.Command, err error) error {
	var none *pflag.NotExistError
	var bad *pflag.InvalidValueError
	var alone *pflag.ValueRequiredError
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return err
	case errors.As(err, &none):
		name := none.GetSpecifiedName()
		switch short := none.GetSpecifiedShortnames(); {
		case len(short) > 1:
			name = short // the old form of a long name, or an attempt at it
		case short != "":
			return usage(c, "there is no flag -"+short)
		}
		var known []string
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				known = append(known, "--"+f.Name)
			}
		})
		return usage(c, fmt.Sprintf("there is no flag --%s%s", name, meant("--"+name, known)))
	case errors.As(err, &alone):
		kind, _ := pflag.UnquoteUsage(alone.GetFlag())
		return usage(c, fmt.Sprintf("--%s needs a value: %s", alone.GetFlag().Name, kind))
	case errors.As(err, &bad):
		why := bad.Unwrap()
		if number := (*strconv.NumError)(nil); errors.As(why, &number) {
			why = errors.New("a whole number is needed")
		} else if strings.HasPrefix(why.Error(), "time: ") {
			why = errors.New("it takes a number with a unit, such as 90m or 8h")
		}
		return usage(c, fmt.Sprintf("--%s %s: %v", bad.GetFlag().Name, printable.Line(bad.GetValue()), why))
	}
	return usage(c, err.Error())
}

// longestArg is that of a path (PATH_MAX).
const longestArg = 4096

// execute runs a command. The error is what is left to be said.
func (a *App) execute(args []string) (int, error) {
	for _, arg := range args { // a name with a line end in it would forge lines of what is printed
		if len(arg) > longestArg || strings.ContainsFunc(arg, unicode.IsControl) {
			return ExitInput, fmt.Errorf("%s: an argument holds a control character, such as a line end, or is longer than %d bytes: %.60q",
				a.Name, longestArg, arg)
		}
	}
	root := a.Root()
	if slices.Equal(args, []string{"--version"}) {
		args = []string{"version"}
	}
	root.SetArgs(twoDashes(root, args))
	err := root.ExecuteContext(context.Background())
	var end *ended
	if errors.As(err, &end) {
		return end.code, end.error
	}
	if err != nil {
		return ExitInput, err
	}
	return ExitDone, nil
}
