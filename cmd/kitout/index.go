package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"time"
)

// machineIndex returns the address of the index that this machine's pip asks, without credentials. Only pip knows: the
// environment, several configuration files and its own default decide, and its help shows the result.
var machineIndex = sync.OnceValues(func() (string, error) {
	for _, python := range []string{"python3", "python"} {
		if address := pipIndex(python); address != "" {
			return address, nil
		}
	}
	return "", errors.New("this machine has no pip that would name the default")
})

// pipDefault is the place in pip's help that names the index.
var pipDefault = regexp.MustCompile(`--index-url <url>[^(]*\(default (\S+)\)`)

// pipIndex asks the pip of one interpreter; "" if it has none.
func pipIndex(python string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	help := exec.CommandContext(ctx, python, "-m", "pip", "install", "--help")
	help.Env = append(os.Environ(), "COLUMNS=1000", "PIP_DISABLE_PIP_VERSION_CHECK=1") // long lines: an address is not broken
	output, err := help.Output()
	if err != nil {
		return ""
	}
	found := pipDefault.FindSubmatch(output)
	if found == nil {
		return ""
	}
	address, err := url.Parse(string(found[1]))
	if err != nil || address.Scheme != "https" && address.Scheme != "http" {
		return ""
	}
	address.User = nil
	return address.String()
}
