// Survey prints what is found in repositories, one line each: go run ./cmd/internal/survey DIR… It measures detection on code
// that nobody wrote for it. With -v every fact is printed with its evidence.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/generator/tree"
	"github.com/kitout/kitout/templates"
)

func main() {
	verbose := flag.Bool("v", false, "print every fact, as JSON")
	flag.Parse()
	if err := survey(flag.Args(), *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func survey(folders []string, verbose bool) error {
	catalog, err := generator.LoadCatalog(templates.FS)
	if err != nil {
		return err
	}
	columns := []string{detect.Entry, detect.Package, detect.Root, detect.Name, detect.Python,
		detect.Migrate, detect.Test, detect.SettingsModule, detect.URLScheme}
	for _, question := range catalog.Questions {
		columns = append(columns, question.Name)
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "folder\tms\t"+strings.Join(columns, "\t")+"\tprojects")
	for _, folder := range folders {
		start := time.Now()
		read, err := tree.Read(os.DirFS(folder))
		if err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		found, err := detect.Detect(read, ".", catalog)
		if err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		took := time.Since(start).Milliseconds()
		if verbose {
			text, err := json.MarshalIndent(found, "", "  ")
			if err != nil {
				return err
			}
			fmt.Printf("%s %s\n", folder, text)
		}
		cells := []string{folder, fmt.Sprint(took)}
		for _, column := range columns {
			cells = append(cells, cell(found.Facts[column]))
		}
		fmt.Fprintln(table, strings.Join(append(cells, fmt.Sprint(len(found.Projects))), "\t"))
	}
	return table.Flush()
}

// cell is a fact's value, with what it is tied with.
func cell(fact detect.Fact) string {
	text := fact.String()
	if text == "" {
		return "-"
	}
	if fact.Tied() {
		text += "|" + fact.Rivals[0].Value
	}
	return text
}
