package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const manHelp = `Write manual pages for all commands into a folder.

  lamina man ~/.local/share/man/man1`

func (s *session) man() *cobra.Command {
	return &cobra.Command{Use: "man DIR", Short: "write manual pages", Long: manHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return unreadable(err, "")
			}
			root := c.Root()
			root.InitDefaultCompletionCmd()
			written := 0
			err := eachCommand(root, func(c *cobra.Command) error {
				written++
				name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
				return os.WriteFile(filepath.Join(args[0], name), []byte(manPage(c)), 0o644)
			})
			if err != nil {
				return unreadable(err, "")
			}
			s.printf("%d pages\n", written)
			return nil
		}}
}

// eachCommand visits a command and all below it.
func eachCommand(c *cobra.Command, f func(*cobra.Command) error) error {
	if c.IsAdditionalHelpTopicCommand() || !c.IsAvailableCommand() && c.HasParent() {
		return nil
	}
	if err := f(c); err != nil {
		return err
	}
	for _, below := range c.Commands() {
		if err := eachCommand(below, f); err != nil {
			return err
		}
	}
	return nil
}

// manPage writes a command's help in the macros of man(7).
func manPage(c *cobra.Command) string {
	var b strings.Builder
	title := strings.ToUpper(strings.ReplaceAll(c.CommandPath(), " ", "-"))
	fmt.Fprintf(&b, ".TH \"%s\" 1\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.B %s\n.SH DESCRIPTION\n", title,
		roff(strings.ReplaceAll(c.CommandPath(), " ", "-")), roff(c.Short), roff(c.UseLine()))
	for i, part := range strings.Split(c.Long, "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		if strings.HasPrefix(part, "  ") { // examples keep their lines
			fmt.Fprintf(&b, ".nf\n%s\n.fi\n", roff(part))
			continue
		}
		b.WriteString(roff(part) + "\n")
	}
	manFlags(&b, "OPTIONS", c.NonInheritedFlags())
	manFlags(&b, "GLOBAL OPTIONS", c.InheritedFlags())
	if c.HasAvailableSubCommands() {
		b.WriteString(".SH COMMANDS\n")
		for _, below := range c.Commands() {
			if below.IsAvailableCommand() {
				fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(below.CommandPath()), roff(below.Short))
			}
		}
	}
	return b.String()
}

func manFlags(b *strings.Builder, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		if f.Name == "data-dir" { // whose home it is says nothing to others
			usage += " (default: where the system keeps a user's data)"
		} else if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" && f.DefValue != "-1" && f.DefValue != "0s" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(b, ".TP\n.B \\-\\-%s %s\n%s\n", roff(f.Name), roff(kind), roff(usage))
	})
}

// roff escapes text: no line of it is a macro.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
