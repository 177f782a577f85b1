package generator

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// generated writes a repository of templates into a folder, and opens it.
func generated(tb testing.TB, templates tree, pairs ...string) (string, *Folder) {
	tb.Helper()
	dir, folder := disk(tb, nil)
	plan, err := templates.plan(tb, pairs...)
	must(tb, err)
	changes, err := plan.Build(folder.Fs)
	must(tb, err)
	must(tb, Apply(folder.Fs, changes))
	return dir, folder
}

// updated plans an update of a folder, by path but for the record.
func updated(tb testing.TB, folder *Folder, templates tree, how Resolution, pairs ...string) (map[string]Change, []Change, error) {
	tb.Helper()
	repository, err := OpenRepository(folder.Fs)
	must(tb, err)
	catalog := templates.catalog(tb)
	answers, err := catalog.Resolve("my-shop", nil, repository.Given(), given("--%s", pairs...))
	must(tb, err)
	plan, err := catalog.NewPlan(answers, Options{Kitout: "1.3.0"})
	must(tb, err)
	changes, err := plan.Update(repository, "", Decisions{Otherwise: how})
	byPath := map[string]Change{}
	for _, change := range changes {
		if !strings.HasPrefix(change.Path, RecordFolder+"/") {
			byPath[change.Path] = change
		}
	}
	return byPath, changes, err
}

// edit writes a file of a folder, or removes it.
func edit(tb testing.TB, dir, name string, text any) {
	tb.Helper()
	name = filepath.Join(dir, name)
	if text == nil {
		must(tb, os.Remove(name))
		return
	}
	must(tb, os.MkdirAll(filepath.Dir(name), 0o755))
	must(tb, os.WriteFile(name, []byte(text.(string)), 0o644))
}

const five = "1\n2\n3\n4\n5\n"

// TestUpdate is the table of what becomes of one file. before and after are what the templates have, disk is what the user has
// made of it; nil is no file.
func TestUpdate(t *testing.T) {
	for name, test := range map[string]struct {
		before, disk, after any
		how                 Resolution
		status              Status
		want                string
		conflicts           int
		why                 string
	}{
		"nothing happened":           {before: "a\n", disk: "a\n", after: "a\n", status: Identical},
		"the templates changed":      {before: "a\n", disk: "a\n", after: "b\n", status: Replace, want: "b\n"},
		"the user changed":           {before: "a\n", disk: "b\n", after: "a\n", status: Keep},
		"both did the same":          {before: "a\n", disk: "b\n", after: "b\n", status: Identical},
		"another end of lines":       {before: "a\nb\n", disk: "a\r\nb\r\n", after: "a\nc\n", status: Replace, want: "a\nc\n"},
		"both changed, apart":        {before: five, disk: "one\n2\n3\n4\n5\n", after: "1\n2\n3\n4\nfive\n", status: Merge, want: "one\n2\n3\n4\nfive\n"},
		"both changed one line":      {before: "a\n", disk: "b\n", after: "c\n", status: Merge, want: "<<<<<<< yours\nb\n=======\nc\n>>>>>>> kitout\n", conflicts: 1, why: "a conflict is marked in it"},
		"the user wrote another":     {before: five, disk: "a\nb\n1\n", after: "1\n2\n3\n4\nfive\n", status: Beside, want: "1\n2\n3\n4\nfive\n", why: "there was a file already, and it cannot be merged: compare it with file.kitout-new"},
		"of which nothing is left":   {before: five, disk: "1\n", after: "1\n2\n3\n4\nfive\n", how: KeepExisting, status: Keep, why: "stays as you have it, without what kitout has changed"},
		"the user did it already":    {before: five, disk: "one\n2\n3\n4\nfive\n", after: "1\n2\n3\n4\nfive\n", status: Keep},
		"the user deleted it":        {before: "a\n", disk: nil, after: "b\n", status: Keep},
		"the templates add it":       {before: nil, disk: nil, after: "a\n", status: Create, want: "a\n"},
		"it is there already":        {before: nil, disk: "a\n", after: "a\n", status: Identical},
		"something else is there":    {before: nil, disk: "a\n", after: "b\n", status: Beside, want: "b\n", why: "there was a file already, and it cannot be merged: compare it with file.kitout-new"},
		"the templates drop it":      {before: "a\n", disk: "a\n", after: nil, status: Delete},
		"they drop what was edited":  {before: "a\n", disk: "b\n", after: nil, status: Keep, why: "belongs to nothing that was chosen, but you have edited it: it is yours now"},
		"they drop what was deleted": {before: "a\n", disk: nil, after: nil},
		"keep":                       {before: "a\n", disk: "b\n", after: "c\n", how: KeepExisting, status: Keep, why: "stays as you have it, without what kitout has changed"},
		"keep what is no conflict":   {before: "a\n", disk: "a\n", after: "c\n", how: KeepExisting, status: Replace, want: "c\n"},
		"replace":                    {before: "a\n", disk: "b\n", after: "c\n", how: ReplaceWithNew, status: Replace, want: "c\n"},
		"replace nothing else":       {before: "a\n", disk: "b\n", after: "a\n", how: ReplaceWithNew, status: Keep},
		"beside":                     {before: "a\n", disk: "b\n", after: "c\n", how: WriteBeside, status: Beside, want: "c\n"},
		"keep something else":        {before: nil, disk: "a\n", after: "b\n", how: KeepExisting, status: Keep, why: "stays as you have it, without what kitout has changed"},
		"replace something else":     {before: nil, disk: "a\n", after: "b\n", how: ReplaceWithNew, status: Replace, want: "b\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.how == "" {
				test.how = MergeBoth
			}
			templates := shop()
			dir, folder := generated(t, templates.with("base/files/file", test.before))
			if test.before != nil || test.disk != nil {
				edit(t, dir, "file", test.disk)
			}
			newer := templates.with("base/files/file", test.after)
			changes, all, err := updated(t, folder, newer, test.how)
			must(t, err)
			change := changes["file"]
			if change.Status != test.status || change.Conflicts != test.conflicts || change.Why != test.why {
				t.Errorf("%s, %d conflicts, %q; want %s", change.Status, change.Conflicts, change.Why, test.status)
			}
			if change.Status.Writes() && change.Status != Delete {
				wantSame(t, string(change.Content), test.want)
			}
			must(t, Apply(folder.Fs, all))
			if test.conflicts > 0 {
				repository, err := OpenRepository(folder.Fs)
				must(t, err)
				wantSame(t, repository.Record.Pending, []string{"file"})
				_, _, err = updated(t, folder, newer, test.how)
				wantConflict(t, err, dir+"/file: has conflict markers of the last update")
				return
			}
			_, all, err = updated(t, folder, newer, test.how)
			must(t, err)
			if !Idle(all) {
				t.Errorf("another update writes again: %v", all)
			}
		})
	}
}

// TestUpdateOfFormats merges by the file's path, and takes a union where there is no base.
func TestUpdateOfFormats(t *testing.T) {
	templates := shop()
	dir, folder := generated(t, templates.with("base/files/a.toml", "a = 1\nb = 1\n"))
	edit(t, dir, "a.toml", "a = 2\nb = 1\n")
	edit(t, dir, "b.toml", "# mine\nx = 1\n")
	changes, _, err := updated(t, folder, templates.with("base/files/a.toml", "a = 1\nb = 2\n").with("base/files/b.toml", "y = 2\n"), MergeBoth)
	must(t, err)
	wantSame(t, string(changes["a.toml"].Content), "a = 2\nb = 2\n")
	wantSame(t, string(changes["b.toml"].Content), "# mine\nx = 1\ny = 2\n")
	wantSame(t, changes["b.toml"].Status, Merge)
}

func TestUpdateFails(t *testing.T) {
	templates := shop().with("base/files/file", "a\n")
	dir, folder := generated(t, templates)
	edit(t, dir, "file", "b\n")
	_, _, err := updated(t, folder, templates.with("base/files/file", "c\n"), Fail)
	wantConflict(t, err, dir+"/file: changed by you and by kitout")
	_, all, err := updated(t, folder, templates, Fail)
	must(t, err)
	wantSame(t, Idle(all), false) // the record has another version of kitout
}

// TestUpdateOfAnswers changes a choice: what belonged to the old one goes, unless it was edited, and what is the user's own stays.
func TestUpdateOfAnswers(t *testing.T) {
	templates := shop().with("colour/red/files/red", "red\n").with("colour/red/files/warm/a", "a\n").with("colour/blue/files/blue", "blue\n").
		with("colour/red/files/notes/b", "b\n").adding("colour/red/layer.yaml", "files: {notes/**: {policy: once}}\n").
		with("base/files/notes/c", "c\n").with("base/files/notes/d", "d\n").
		with("colour/red/files/notes/e", "red\n").with("colour/blue/files/notes/e", "blue\n").
		with("colour/red/files/notes/f", "red\n").with("colour/blue/files/notes/f", "blue\n").
		adding("colour/blue/layer.yaml", "files: {notes/**: {policy: once}}\n")
	dir, folder := generated(t, templates)
	edit(t, dir, "warm/a", "mine\n")
	edit(t, dir, ".env", "KEY=mine\n")
	edit(t, dir, "notes/c", "mine\n")
	edit(t, dir, "notes/f", "mine\n")
	changes, all, err := updated(t, folder, templates.with("base/files/notes/c", "newer\n").with("base/files/notes/d", nil), MergeBoth, "colour=blue")
	must(t, err)
	got := map[string]Status{}
	for path, change := range changes {
		if change.Status != Identical {
			got[path] = change.Status
		}
	}
	wantSame(t, got, map[string]Status{
		"red": Delete, "warm/a": Keep, "blue": Create, "README.md": Replace, ".env": Keep, "notes/c": Keep, "notes/d": Keep, "notes/b": Delete,
		"notes/e": Replace, "notes/f": Keep, // the example of another choice does not fit
	})
	must(t, Apply(folder.Fs, all))
	repository, err := OpenRepository(folder.Fs)
	must(t, err)
	wantSame(t, repository.Record.Answers["colour"], []string{"blue"})
	wantSame(t, repository.Record.Kitout, "1.3.0")
	if repository.File("warm/a") != nil {
		t.Error("a file of the former choice is still in the record")
	}
}

// TestUpdateDoesNotBringBack leaves out new files of a folder that the user has deleted.
func TestUpdateDoesNotBringBack(t *testing.T) {
	templates := shop().with("base/files/example/a", "a\n").with("base/files/example/deep/b", "b\n").with("base/files/other/a", "a\n")
	dir, folder := generated(t, templates)
	must(t, os.RemoveAll(filepath.Join(dir, "example")))
	edit(t, dir, "other/a", nil)
	edit(t, dir, "other/mine", "mine\n")
	changes, _, err := updated(t, folder, templates.with("base/files/example/new", "c\n").with("base/files/fresh/a", "d\n"), MergeBoth)
	must(t, err)
	wantSame(t, changes["example/new"].Status, Keep)
	wantSame(t, changes["fresh/a"].Status, Create)
}

func TestUpdateRenames(t *testing.T) {
	templates := shop().with("base/files/old/a", five).with("base/files/old/b", "b\n").with("base/files/old/c", "c\n")
	dir, folder := generated(t, templates)
	edit(t, dir, "old/a", "mine\n2\n3\n4\n5\n")
	edit(t, dir, "old/c", nil)
	newer := shop().with("base/files/new/a", five).with("base/files/new/b", "b\n").with("base/files/new/c", "c\n")
	changes, all, err := updated(t, folder, newer, MergeBoth)
	must(t, err)
	for path, want := range map[string]Status{"old/a": Delete, "old/b": Delete, "new/a": Create, "new/b": Create, "new/c": Keep} {
		wantSame(t, changes[path].Status, want)
	}
	wantSame(t, changes["new/a"].From, "old/a")
	must(t, Apply(folder.Fs, all))
	found := snapshot(t, dir)
	wantSame(t, found["new/a"], "-rw-r--r-- mine\n2\n3\n4\n5\n")
	_, all, err = updated(t, folder, newer, MergeBoth)
	must(t, err)
	wantSame(t, Idle(all), true)
}

func TestUpdateOfModes(t *testing.T) {
	templates := shop().with("base/files/a", "#!/bin/sh\n1\n2\n3\n").with("base/files/b", "x\n").with("base/files/c", "x\n")
	dir, folder := generated(t, templates)
	must(t, os.Chmod(filepath.Join(dir, "a"), 0o644)) // the user's choice
	must(t, os.Chmod(filepath.Join(dir, "c"), 0o755))
	newer := templates.with("base/files/a", "#!/bin/sh\n1\n2\nthree\n").with("base/files/b", "#!/bin/sh\nx\n")
	_, all, err := updated(t, folder, newer, MergeBoth)
	must(t, err)
	must(t, Apply(folder.Fs, all))
	found := snapshot(t, dir)
	for path, want := range map[string]string{"a": "-rw-r--r-- #!/bin/sh\n1\n2\nthree\n", "b": "-rwxr-xr-x #!/bin/sh\nx\n", "c": "-rwxr-xr-x x\n"} {
		wantSame(t, found[path], want)
	}
}

// TestUpdateKeepsPermissions changes of a file that is replaced, merged or made executable nothing but the last.
func TestUpdateKeepsPermissions(t *testing.T) {
	templates := shop().with("base/files/a", "x\n").with("base/files/b", "1\n2\n3\n4\n5\n").with("base/files/c", "x\n").with("base/files/d", "#!/bin/sh\n")
	dir, folder := generated(t, templates)
	edit(t, dir, "b", "one\n2\n3\n4\n5\n")
	for name, mode := range map[string]os.FileMode{"a": 0o600, "b": 0o640, "c": 0o640, "d": 0o750, ".kitout/record.yaml": 0o600} {
		must(t, os.Chmod(filepath.Join(dir, name), mode))
	}
	newer := templates.with("base/files/a", "y\n").with("base/files/b", "1\n2\n3\n4\nfive\n").with("base/files/c", "#!/bin/sh\n").with("base/files/d", "y\n")
	_, all, err := updated(t, folder, newer, MergeBoth)
	must(t, err)
	must(t, Apply(folder.Fs, all))
	found := snapshot(t, dir)
	for path, want := range map[string]string{"a": "-rw------- y\n", "b": "-rw-r----- one\n2\n3\n4\nfive\n", "c": "-rwxr-x--- #!/bin/sh\n", "d": "-rw-r----- y\n"} {
		wantSame(t, found[path], want)
	}
	info, err := os.Stat(filepath.Join(dir, ".kitout/record.yaml"))
	must(t, err)
	wantSame(t, info.Mode(), os.FileMode(0o600))

	plan, err := templates.plan(t)
	must(t, err)
	all, err = plan.Build(folder.Fs)
	must(t, err)
	must(t, Decide(dir, all, Decisions{Otherwise: ReplaceWithNew}))
	must(t, Apply(folder.Fs, all))
	wantSame(t, snapshot(t, dir)["a"], "-rw------- x\n")
}

// TestUpdateOfLocks replaces a lock only where neither it nor its manifest is the user's.
func TestUpdateOfLocks(t *testing.T) {
	templates := shop().with("base/files/manifest", "a\n").with("base/files/other", "a\n").
		adding("base/layer.yaml", "locks: [{path: lock, writer: w, groups: [runtime]}, {path: tools, writer: w, packages: [x]}]\n")
	for name, test := range map[string]struct {
		edits map[string]any
		want  map[string]Status
	}{
		"as written":          {nil, map[string]Status{"lock": Replace, "tools": Replace}},
		"another manifest":    {map[string]any{"manifest": "mine\n"}, map[string]Status{"lock": Keep, "tools": Replace}},
		"another lock":        {map[string]any{"lock": "mine\n"}, map[string]Status{"lock": Keep, "tools": Replace}},
		"no lock":             {map[string]any{"tools": nil}, map[string]Status{"lock": Replace, "tools": Keep}},
		"the new one already": {map[string]any{"lock": "new\n"}, map[string]Status{"lock": Identical, "tools": Replace}},
	} {
		t.Run(name, func(t *testing.T) {
			text := "old\n"
			write := func(LockInput) ([]byte, error) { return []byte(text), nil }
			dir, folder := disk(t, nil)
			catalog := templates.catalog(t)
			plan := func(given ...Given) *Plan {
				answers, err := catalog.Resolve("my-shop", nil, given...)
				must(t, err)
				plan, err := catalog.NewPlan(answers, Options{Kitout: "1.2.3", Locks: map[string]func(LockInput) ([]byte, error){"w": write}})
				must(t, err)
				return plan
			}
			changes, err := plan().Build(folder.Fs)
			must(t, err)
			must(t, Apply(folder.Fs, changes))
			for path, text := range test.edits {
				edit(t, dir, path, text)
			}
			repository, err := OpenRepository(folder.Fs)
			must(t, err)
			unchanged, err := plan(repository.Given()).Update(repository, "manifest", Decisions{Otherwise: MergeBoth})
			must(t, err)
			wantSame(t, Idle(unchanged), true)
			text = "new\n"
			changes, err = plan(repository.Given()).Update(repository, "manifest", Decisions{Otherwise: MergeBoth})
			must(t, err)
			for _, change := range changes {
				if want, wanted := test.want[change.Path]; wanted && change.Status != want {
					t.Errorf("%s: %s, want %s", change.Path, change.Status, want)
				}
				if change.Policy == Locked && change.Status == Keep && change.Old != nil && change.Why == "" {
					t.Errorf("%s stays without a word", change.Path)
				}
			}
		})
	}
}

func TestRepositoryStates(t *testing.T) {
	templates := shop().with("base/files/a", "a\n").with("base/files/b", "b\n").with("base/files/c", "c\nd\n").with("base/files/d", "d\n").
		with("base/files/notes/x", "x\n")
	dir, folder := generated(t, templates)
	edit(t, dir, "a", nil)
	edit(t, dir, "b", "B\n")
	edit(t, dir, "c", "c\r\nd\r\n")
	edit(t, dir, ".env", "KEY=mine\n")
	must(t, os.Chmod(filepath.Join(dir, "d"), 0o755))
	repository, err := OpenRepository(folder.Fs)
	must(t, err)
	got := map[string]State{}
	for _, file := range repository.Files {
		if file.State != Unchanged {
			got[file.Path] = file.State
		}
	}
	wantSame(t, got, map[string]State{"a": Missing, "b": Edited, "d": Edited})

	plan, err := templates.with("base/files/a", "2\n").with("base/files/b", "2\n").with("base/files/c", nil).with("base/files/e", "e\n").
		with("base/files/notes/x", "2\n").with("base/files/notes/y", "y\n").with("base/files/d", "#!/bin/sh\n").plan(t)
	must(t, err)
	files, err := plan.Render()
	must(t, err)
	wantSame(t, repository.Drift(files), map[string]Drift{"b": DriftChanged, "c": DriftRemoved, "d": DriftChanged, "e": DriftAdded, "notes/y": DriftAdded})
}

// TestUpdateLooksAtLinks keeps them: a secret may be anywhere, and need not be readable.
func TestUpdateLooksAtLinks(t *testing.T) {
	templates := shop().with("base/files/a", "a\n").with("base/files/b", "b\n").with("base/files/c", "c\n")
	dir, folder := generated(t, templates)
	for _, name := range []string{".env", "a", "b"} {
		edit(t, dir, name, nil)
		must(t, os.Symlink("../elsewhere", filepath.Join(dir, name)))
	}
	repository, err := OpenRepository(folder.Fs)
	must(t, err)
	got := map[string]State{}
	for _, file := range repository.Files {
		if file.State != Unchanged {
			got[file.Path] = file.State
		}
	}
	wantSame(t, got, map[string]State{"a": Edited, "b": Edited})
	byPath, all, err := updated(t, folder, templates.with("base/files/a", "2\n").with("base/files/b", nil).with("base/files/c", "2\n"), ReplaceWithNew)
	must(t, err)
	for name, why := range map[string]string{".env": "", "a": irregular, "b": "belongs to nothing that was chosen, but you have edited it: it is yours now"} {
		wantSame(t, byPath[name].Status, Keep)
		wantSame(t, byPath[name].Why, why)
	}
	must(t, Apply(folder.Fs, all))
	wantSame(t, files(t, dir)["c"], "-rw-r--r-- 2\n")
	for _, name := range []string{".env", "a", "b"} {
		target, err := os.Readlink(filepath.Join(dir, name))
		must(t, err)
		wantSame(t, target, "../elsewhere")
	}

	edit(t, dir, "b", nil)
	must(t, os.Symlink("../elsewhere", filepath.Join(dir, "new")))
	_, _, err = updated(t, folder, templates.with("base/files/new", "x\n"), ReplaceWithNew)
	wantError(t, err, "new", "is no regular file")
}

func TestOpenRepositoryOfAnother(t *testing.T) {
	_, folder := disk(t, tree{"a": "a\n"})
	_, err := OpenRepository(folder.Fs)
	wantError(t, err, ".kitout/record.yaml: is not there")
}

// TestUpdateAtRandom makes random repositories, edits and templates: an update ends, loses no file that was edited, and has
// nothing left to do.
func TestUpdateAtRandom(t *testing.T) {
	for seed := range uint64(25) {
		r := randomly(seed)
		text := func() string { return strings.Repeat(r.word()+"\n", 1+r.IntN(2)) + five + r.word() + "\n" }
		templates := shop()
		paths := []string{"a", "b/a", "b/b", "b/c/a", "notes/a", "x.toml"}
		for _, path := range paths {
			if r.IntN(3) > 0 {
				templates = templates.with("base/files/"+path, text())
			}
		}
		dir, folder := generated(t, templates)
		mine := map[string]string{}
		for _, path := range paths {
			switch r.IntN(4) {
			case 0:
				_ = os.Remove(filepath.Join(dir, path))
			case 1:
				mine[path] = "mine " + path
				edit(t, dir, path, mine[path]+"\n"+text())
			}
			switch r.IntN(4) {
			case 0:
				templates = templates.with("base/files/"+path, nil)
			case 1:
				templates = templates.with("base/files/"+path, text())
			}
		}
		_, all, err := updated(t, folder, templates, MergeBoth)
		must(t, err)
		must(t, Apply(folder.Fs, all))
		found := snapshot(t, dir)
		for _, path := range slices.Sorted(maps.Keys(mine)) {
			// it may have moved
			if !slices.ContainsFunc(slices.Collect(maps.Values(found)), func(text string) bool { return strings.Contains(text, mine[path]) }) {
				t.Errorf("seed %d: %s is lost: %v", seed, path, found)
			}
		}
		_, all, err = updated(t, folder, templates, MergeBoth)
		if err == nil && !Idle(all) {
			t.Errorf("seed %d: another update writes again", seed)
		}
		if t.Failed() {
			return
		}
	}
}

type random struct{ *rand.Rand }

func randomly(seed uint64) random { return random{rand.New(rand.NewPCG(seed, seed))} }

func (r random) word() string { return []string{"red", "green", "blue"}[r.IntN(3)] }
