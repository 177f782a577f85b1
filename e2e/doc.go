// Package e2e generates repositories with the real command, installs them from their locks, runs their make targets against
// real database servers, boots them as containers behind their proxy, has certificates issued and renewed, restores backups,
// and lints what the repositories consist of. It needs a container engine and what e2e/setup installs.
package e2e
