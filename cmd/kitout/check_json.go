package main

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/kitout/kitout/generator/check"
	"github.com/kitout/kitout/generator/detect"
)

// checkedJSON is what `kitout check --json` prints; scripts rely on it.
type checkedJSON struct {
	Facts    map[string]detect.Fact `json:"facts"`
	Projects []detect.Project       `json:"projects,omitempty"`
	Sections []sectionJSON          `json:"sections"`
	Score    int                    `json:"score"`
}

type sectionJSON struct {
	Section  int           `json:"section"`
	Title    string        `json:"title"`
	Score    *int          `json:"score"` // null: nothing to judge
	Rules    []string      `json:"rules"` // that had something to judge
	Findings []findingJSON `json:"findings"`
}

type findingJSON struct {
	Rule     string         `json:"rule"`
	Severity check.Severity `json:"severity"`
	Path     string         `json:"path"`
	Line     int            `json:"line"`
	Message  string         `json:"message"`
	Fix      string         `json:"fix"`
	Ignored  string         `json:"ignored,omitempty"`
}

type listedRule struct {
	Rule     string         `json:"rule"`
	Section  int            `json:"section"`
	Severity check.Severity `json:"severity"`
	Title    string         `json:"title"`
	Why      string         `json:"why"`
	Fix      string         `json:"fix"`
}

func (c *checked) json() checkedJSON {
	result := checkedJSON{Facts: c.facts.Facts, Projects: c.facts.Projects, Sections: []sectionJSON{}, Score: c.report.Score()}
	for _, section := range c.report.Sections {
		written := sectionJSON{Section: section.Number, Title: section.Title, Rules: []string{}, Findings: []findingJSON{}}
		if len(section.Rules) > 0 {
			score := int(section.Score)
			written.Score = &score
		}
		for _, rule := range section.Rules {
			written.Rules = append(written.Rules, rule.ID)
		}
		for _, f := range section.Findings {
			written.Findings = append(written.Findings, findingJSON{f.Rule.ID, f.Rule.Severity, f.Path, f.Line, f.Message, fix(f.Rule), f.Ignored})
		}
		result.Sections = append(result.Sections, written)
	}
	return result
}

// The parts of SARIF 2.1.0 that are used, named as the standard names them.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		Results    []sarifResult `json:"results"`
		ColumnKind string        `json:"columnKind"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string             `json:"id"`
		ShortDescription sarifText          `json:"shortDescription"`
		FullDescription  sarifText          `json:"fullDescription"`
		Help             sarifText          `json:"help"`
		Default          sarifConfiguration `json:"defaultConfiguration"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifConfiguration struct {
		Level check.Severity `json:"level"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        check.Severity     `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations,omitempty"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		File   sarifFile    `json:"artifactLocation"`
		Region *sarifRegion `json:"region,omitempty"`
	}
	sarifFile struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
)

const sarifSchema = "https://json.schemastore.org/sarif-2.1.0.json"

func (c *checked) sarif() sarifLog {
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "kitout", Version: version(), Rules: []sarifRule{}}}, Results: []sarifResult{}, ColumnKind: "unicodeCodePoints"}
	index := map[string]int{}
	for i, rule := range check.Rules() {
		index[rule.ID] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			rule.ID, sarifText{rule.Title}, sarifText{rule.Why}, sarifText{fix(rule)}, sarifConfiguration{rule.Severity},
		})
	}
	seen := map[string]int{}
	for _, section := range c.report.Sections {
		for _, finding := range section.Findings {
			result := sarifResult{
				RuleID: finding.Rule.ID, RuleIndex: index[finding.Rule.ID], Level: finding.Rule.Severity, Message: sarifText{finding.Message},
				Locations: c.locations(finding), Fingerprints: map[string]string{"kitout/v1": c.fingerprint(finding, seen)},
			}
			if finding.Ignored != "" {
				result.Suppressions = []sarifSuppression{{"external", finding.Ignored}}
			}
			run.Results = append(run.Results, result)
		}
	}
	return sarifLog{sarifSchema, "2.1.0", []sarifRun{run}}
}

// locations is the place of a finding; for something that is missing the file that says most about the repository, because code hosts refuse
// results without a place.
func (c *checked) locations(finding check.Finding) []sarifLocation {
	name := finding.Path
	for _, candidate := range append(slices.Clone(c.facts.Facts[detect.Manifest].Value), "pyproject.toml", "README.md") {
		if name == "" && c.tree.Has(candidate) {
			name = candidate
		}
	}
	if paths := c.tree.Paths(); name == "" && len(paths) > 0 {
		name = paths[0]
	}
	if name == "" {
		return nil
	}
	return []sarifLocation{{sarifPhysical{sarifFile{(&url.URL{Path: name}).EscapedPath()}, &sarifRegion{max(finding.Line, 1)}}}}
}

// fingerprint stays the same when lines are added above: it is made from the text of the line, not from its number.
func (c *checked) fingerprint(finding check.Finding, seen map[string]int) string {
	text := ""
	if data, found := c.tree.Text(finding.Path); found && finding.Line > 0 {
		if lines := strings.Split(string(data), "\n"); finding.Line <= len(lines) {
			text = strings.Join(strings.Fields(lines[finding.Line-1]), " ")
		}
	}
	key := strings.Join([]string{finding.Rule.ID, finding.Path, text}, "\x00")
	seen[key]++
	sum := sha256.Sum256([]byte(key + "\x00" + strconv.Itoa(seen[key])))
	return hex.EncodeToString(sum[:16])
}
