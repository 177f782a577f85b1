module github.com/kitout/kitout/e2e

go 1.26
