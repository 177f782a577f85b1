package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"time"

	"github.com/kitout/kitout/generator"
)

// machineIndex returns the address of the index that this machine's pip asks. Only pip knows: the environment, several
// configuration files and its own default decide, and its help shows the result. An address that must not be written down,
// because it belongs to an account, is an error.
var machineIndex = sync.OnceValues(func() (string, error) {
	for _, python := range []string{"python3", "python"} {
		address, found := pipIndex(python)
		switch {
		case !found:
		case generator.IndexProblem(address) != "":
			return "", errors.New("what this machine's pip asks " + generator.IndexProblem(address))
		default:
			return address, nil
		}
	}
	return "", errors.New("this machine has no pip that would name the default")
})

// pipDefault is the place in pip's help that names the index.
var pipDefault = regexp.MustCompile(`--index-url <url>[^(]*\(default (\S+)\)`)

// pipIndex asks the pip of one interpreter, if it has one.
func pipIndex(python string) (address string, found bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	help := exec.CommandContext(ctx, python, "-m", "pip", "install", "--help")
	help.Env = append(os.Environ(), "COLUMNS=1000", "PIP_DISABLE_PIP_VERSION_CHECK=1") // long lines: an address is not broken
	output, err := help.Output()
	if err != nil {
		return "", false
	}
	match := pipDefault.FindSubmatch(output)
	if match == nil {
		return "", false
	}
	return string(match[1]), true
}
