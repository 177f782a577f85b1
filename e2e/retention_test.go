package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// retention is how many days, weeks and months of a repository's settings have a backup.
type retention struct{ days, weeks, months int }

// promised are those of the backups made so far, the oldest first, that must still be there: all of the last one's day, and
// the last one of each of the newest days, weeks and months that have any.
func (keep retention) promised(made []time.Time) map[time.Time]bool {
	promised := map[time.Time]bool{}
	for _, rule := range []struct {
		room   int
		period func(time.Time) string
	}{
		{keep.days, func(t time.Time) string { return t.Format(time.DateOnly) }},
		{keep.weeks, func(t time.Time) string { year, week := t.ISOWeek(); return fmt.Sprint(year, "-", week) }},
		{keep.months, func(t time.Time) string { return t.Format("2006-01") }},
	} {
		var seen []string
		for _, t := range slices.Backward(made) {
			if p := rule.period(t); len(seen) < rule.room && !slices.Contains(seen, p) {
				seen = append(seen, p)
				promised[t] = true
			}
		}
	}
	for _, t := range made {
		if t.Format(time.DateOnly) == made[len(made)-1].Format(time.DateOnly) {
			promised[t] = true
		}
	}
	return promised
}

// TestRetention deletes as the backup script does, each day of several years with days that have no backup and days that
// have two, and expects on each day what is promised, and nothing else.
func TestRetention(t *testing.T) {
	t.Parallel()
	r := generate(t, "--no-git")
	outdated := regexp.MustCompile(`(?ms)^outdated\(\) \{.*?^\}`).FindString(readFile(t, r.path("scripts/backup")))
	if outdated == "" {
		t.Fatal("the script has no function outdated")
	}
	for _, keep := range []retention{{7, 4, 6}, {1, 0, 0}, {0, 0, 0}, {3, 9, 14}} {
		// Leap days, years of 53 weeks, and weeks over the turn of a year; a holiday, and days of two deployments
		var made []time.Time
		days := 800
		if keep.days < 2 {
			days = 90
		}
		for day := range days {
			at := time.Date(2026, 11, 27, 3, 15, 0, 0, time.UTC).AddDate(0, 0, day)
			if day%97 > 85 || day%11 == 5 {
				continue
			}
			made = append(made, at)
			if day%13 == 7 {
				made = append(made, at.Add(9*time.Hour))
			}
		}
		const form = "20060102T150405Z"
		var names strings.Builder
		for i, at := range made {
			fmt.Fprintf(&names, "backups/shop-%s.tar%s\n", at.Format(form), []string{"", ".age"}[i%2])
		}
		writeFile(t, r.path("made"), names.String())
		lines := strings.Split(strings.TrimSpace(r.run("bash", "-euc", outdated+fmt.Sprintf(`
			setting() { case $1 in *DAYS) echo %d ;; *WEEKS) echo %d ;; *) echo %d ;; esac; }
			there=''
			while IFS= read -r new; do
			  there=$new$'\n'$there
			  there=$(printf %%s "$there" | outdated | cat <(printf %%s "$there") - | sort -r | uniq -u)$'\n'
			  echo $there
			done <made`, keep.days, keep.weeks, keep.months))), "\n")
		if len(lines) != len(made) {
			t.Fatalf("%d lines for %d backups", len(lines), len(made))
		}
		for i, line := range lines {
			promised := keep.promised(made[:i+1])
			if there := strings.Fields(line); len(there) != len(promised) || len(there) == 0 {
				t.Fatalf("%v: after %s there are %d, and %d are promised: %s", keep, made[i], len(there), len(promised), line)
			}
			for at := range promised {
				if !strings.Contains(line, at.Format(form)) {
					t.Fatalf("%v: after %s that of %s is missing", keep, made[i], at)
				}
			}
		}
	}
}
