package e2e

import (
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// everyAnswer returns the answers, as flags, of repositories that have each answer to each question but the CI system, in the
// thorough tests each framework with each database.
func everyAnswer(t *testing.T) [][]string {
	t.Helper()
	questions := answerFlags(t)
	all := slices.Concat(questions...)
	// With these every other answer is possible, or with one more
	base := []string{"--framework", "flask", "--database", "postgres", "--proxy", "none"}
	var rows [][]string
	for {
		row := base
		for i, left := range questions {
			for j, flags := range left {
				if next := slices.Concat(row, flags); possible(t, next) {
					row, questions[i] = next, slices.Delete(left, j, j+1)
					break
				}
			}
		}
		if len(row) == len(base) {
			break
		}
		rows = append(rows, row)
	}
	for _, flags := range slices.Concat(questions...) {
		with := slices.IndexFunc(all, func(other []string) bool { return possible(t, slices.Concat(base, other, flags)) })
		if with < 0 {
			t.Fatalf("no repository has %s", flags)
		}
		rows = append(rows, slices.Concat(base, all[with], flags))
	}
	return rows
}

// answerFlags are the answers to each question, as flags.
func answerFlags(t *testing.T) [][][]string {
	t.Helper()
	output, err := exec.Command(kitout, "options", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var offered []struct {
		Name    string
		Several bool
		Choices []struct{ Name string }
	}
	if err := json.Unmarshal(output, &offered); err != nil {
		t.Fatal(err)
	}
	questions := [][][]string{{{"--domain", domain, "--email", "admin@example.com"}}}
	for _, question := range offered {
		if question.Name == "ci" {
			continue
		}
		var names []string
		for _, choice := range question.Choices {
			names = append(names, choice.Name)
		}
		if question.Several {
			names = append(names, strings.Join(names, ","))
		}
		var answers [][]string
		for _, name := range names {
			flags := []string{"--" + question.Name, name}
			if question.Name == "deps" { // each writes it down in its own way
				flags = append(flags, "--index-url", "https://packages.example.com/simple")
			}
			answers = append(answers, flags)
		}
		questions = append(questions, answers)
	}
	if thorough {
		var both [][]string
		for _, framework := range frameworks {
			for _, database := range databases {
				both = append(both, []string{"--framework", framework, "--database", database})
			}
		}
		questions = append([][][]string{both}, questions...)
	}
	return questions
}

// possible says whether the answers go together.
func possible(t *testing.T, flags []string) bool {
	t.Helper()
	err := exec.Command(kitout, append([]string{"new", "shop", "--yes", "--dry-run"}, flags...)...).Run()
	if failed := new(exec.ExitError); errors.As(err, &failed) && failed.ExitCode() == 2 {
		return false
	} else if err != nil {
		t.Fatal(err)
	}
	return true
}
