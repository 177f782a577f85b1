// Runs a declarative Jenkinsfile as a multibranch job does, as far as our pipelines go:
//   groovy jenkins.groovy JENKINSFILE                     reads all of it and runs nothing
//   groovy jenkins.groovy JENKINSFILE BRANCH REPOSITORY   runs the stages of a branch
// A section or step that is not here is refused. FIRST names a stage to start at, as Jenkins can start again from one.
// Credentials come from the environment, as CREDENTIAL_<id>, and reach only the steps around which they are asked for. AGREED
// answers what a person is asked; without it the build ends there. Jenkins would mask secrets, this does not: nothing may print
// one in the first place. Of an axis it takes the last value, with EVERY_CELL all.
import groovy.io.FileType
import java.nio.file.FileSystems

class Build {
    String branch, repository
    File folder
    Map<String, File> stashes = [:]
    boolean dry() { branch == null }
    static evaluate(Closure body, delegate) {
        body = body.rehydrate(delegate, body.owner, body.thisObject)
        body.resolveStrategy = Closure.DELEGATE_ONLY
        body()
    }
    static String credential(String id) {
        def value = System.getenv("CREDENTIAL_$id")
        if (!value) throw new IllegalStateException("there is no credential $id")
        value
    }
}

class Options {
    def buildDiscarder(Map strategy) {}
    Map logRotator(Map numbers) { numbers }
    def disableConcurrentBuilds() {}
    def preserveStashes() {}
    def timeout(Map limit) { assert limit.keySet() == ['time', 'unit'] as Set }
}

class Agent {
    String name
    def label(String name) { this.name = name }
    static Agent of(value) { value instanceof Closure ? new Agent().with { Build.evaluate(value, it); it } : value }
    static final Agent NONE = new Agent(name: 'none')
}

class Environment {
    Build build; Map env
    Map getEnv() { env }
    void setProperty(String name, value) {
        if (name in ['build', 'env']) this.@"$name" = value else env[name] = value as String
    }
    String credentials(String id) { build.dry() ? '' : Build.credential(id) }
}

class When {
    Build build; List terms = []
    def beforeAgent(boolean yes) {}
    def beforeInput(boolean yes) {}
    def branch(String name) { terms << (build.branch == name) }
    def not(Closure body) { def inner = new When(build: build); Build.evaluate(body, inner); terms << !inner.holds() }
    boolean holds() { terms.every() }
}

class Input {
    String message, ok
    def message(String text) { message = text }
    def ok(String text) { ok = text }
}

class Axis {
    String name; List values
    def name(String name) { this.name = name }
    def values(String... values) { this.values = values as List }
}

class Axes {
    List<Axis> all = []
    def axis(Closure body) { all << new Axis().with { Build.evaluate(body, it); it } }
}

class Post {
    static final order = ['always', 'success', 'failure', 'cleanup']
    Map<String, Closure> parts = [:]
    def always(Closure body) { parts.always = body }
    def success(Closure body) { parts.success = body }
    def failure(Closure body) { parts.failure = body }
    def cleanup(Closure body) { parts.cleanup = body }
}

class Steps {
    Build build; Map env; File workspace
    def sh(String script) {
        println("+ $script")
        if (build.dry()) return
        def shell = new ProcessBuilder('sh', '-xe', '-c', script).directory(workspace).redirectErrorStream(true)
        shell.environment().keySet().removeAll { it.startsWith('CREDENTIAL_') }
        shell.environment().putAll(env)
        long start = System.nanoTime()
        def process = shell.start()
        process.inputStream.eachLine { println(it) }
        println String.format('%.1f s  %s', (System.nanoTime() - start) / 1e9d, script)
        if (process.waitFor()) throw new IllegalStateException("script returned exit code ${process.exitValue()}")
    }
    def timeout(Map limit, Closure body) { assert limit.keySet() == ['time', 'unit'] as Set; Build.evaluate(body, this) }
    Map string(Map binding) { binding }
    def withCredentials(List bindings, Closure body) {
        def values = bindings.collectEntries { [it.variable, build.dry() ? '' : Build.credential(it.credentialsId)] }
        Build.evaluate(body, new Steps(build: build, env: env + values, workspace: workspace))
    }
    private void keep(String includes, File target, boolean must) {
        if (build.dry()) return
        def patterns = includes.split(',').collect { FileSystems.default.getPathMatcher("glob:$it") }
        boolean found = false
        workspace.eachFileRecurse(FileType.FILES) { file ->
            def path = workspace.toPath().relativize(file.toPath())
            if (patterns.any { it.matches(path) }) {
                found = true
                copy(file, new File(target, path as String))
            }
        }
        if (must && !found) throw new IllegalStateException("there is no file $includes")
    }
    private static void copy(File file, File target) {
        target.parentFile.mkdirs()
        target.bytes = file.bytes
    }
    def stash(Map what) {
        build.stashes[what.name] = new File(build.folder, "stash/$what.name")
        keep(what.includes, build.stashes[what.name], true)
    }
    def unstash(String name) {
        def kept = build.stashes[name]
        if (!kept) throw new IllegalStateException("there is no stash $name")
        if (build.dry()) return
        kept.eachFileRecurse(FileType.FILES) { copy(it, new File(workspace, kept.toPath().relativize(it.toPath()) as String)) }
    }
    def archiveArtifacts(Map what) { keep(what.artifacts, new File(build.folder, 'archive'), !what.allowEmptyArchive) }
    def junit(Map what) { keep(what.testResults, new File(build.folder, 'junit'), !what.allowEmptyResults) }
    def deleteDir() { if (!build.dry()) workspace.deleteDir() }
}

class Stage {
    Build build; String name; Map env
    Agent agent
    When when
    Input input
    Closure environment, steps, post
    List<Axis> axes
    Stages stages
    def agent(value) { agent = Agent.of(value) }
    Agent getNone() { Agent.NONE }
    def when(Closure body) { when = new When(build: build).with { Build.evaluate(body, it); it } }
    def input(Closure body) { input = new Input().with { Build.evaluate(body, it); it } }
    def environment(Closure body) { environment = body }
    def steps(Closure body) { steps = body }
    def post(Closure body) { post = body }
    def stages(Closure body) { stages = new Stages(build: build).with { Build.evaluate(body, it); it } }
    def axes(Closure body) { axes = new Axes().with { Build.evaluate(body, it); it }.all }
    def matrix(Closure body) {
        Build.evaluate(body, this)
        if (!axes || !stages) throw new IllegalStateException("matrix of $name: axes or stages are missing")
    }

    void run(Map outer) {
        if (when && !build.dry() && !when.holds()) { println "[skipped] $name"; return }
        if (input) {
            println "[asked] $input.message"
            if (!build.dry() && !System.getenv('AGREED')) return
        }
        println "[stage] $name"
        if (stages) { cells().each { stages.run(outer + it) }; return }
        if (!steps || !agent?.name) throw new IllegalStateException("stage $name: steps or an agent are missing")
        def workspace = new File(build.folder, 'workspace'), scratch = new File(build.folder, 'workspace@tmp')
        def env = new HashMap(System.getenv()).findAll { !it.key.startsWith('CREDENTIAL_') } + outer +
            [CI: 'true', WORKSPACE: workspace.path, WORKSPACE_TMP: scratch.path]
        def steps = new Steps(build: build, env: env, workspace: workspace)
        if (!build.dry()) {
            if (workspace.exists()) throw new IllegalStateException("stage $name: the stage before has left its workspace")
            scratch.mkdirs()
            def clone = ['git', 'clone', '--quiet', '--branch', build.branch, build.repository, workspace.path].execute()
            if (clone.waitFor()) throw new IllegalStateException("git clone: $clone.errorStream.text")
        }
        def failure = null
        try {
            if (environment) Build.evaluate(environment, new Environment(build: build, env: env))
            Build.evaluate(this.steps, steps)
        } catch (IllegalStateException e) { failure = e }
        def after = new Post()
        if (post) Build.evaluate(post, after)
        Post.order.each { part ->
            boolean due = build.dry() || !(part in ['success', 'failure']) || (part == 'failure') == (failure != null)
            if (due && after.parts[part]) Build.evaluate(after.parts[part], steps)
        }
        if (failure) throw failure
    }

    private List<Map> cells() {
        (axes ?: []).inject([[:]]) { cells, axis ->
            def values = System.getenv('EVERY_CELL') ? axis.values : axis.values.takeRight(1)
            cells.collectMany { cell -> values.collect { cell + [(axis.name): it] } }
        }
    }
}

class Stages {
    Build build; List<Stage> all = []
    def stage(String name, Closure body) { all << new Stage(build: build, name: name).with { Build.evaluate(body, it); it } }
    void run(Map env, String first = null) { all.dropWhile { first && it.name != first }.each { it.run(env) } }
}

class Pipeline {
    Build build; Agent agent; Stages stages
    Map env = [:]
    Agent getNone() { Agent.NONE }
    def agent(value) { agent = Agent.of(value) }
    def options(Closure body) { Build.evaluate(body, new Options()) }
    def environment(Closure body) { Build.evaluate(body, new Environment(build: build, env: env)) }
    def stages(Closure body) { stages = new Stages(build: build).with { Build.evaluate(body, it); it } }
}

def build = new Build(branch: args.length > 1 ? args[1] : null, repository: args.length > 2 ? args[2] : null,
    folder: File.createTempDir('jenkins', ''))
def result = 'SUCCESS'
try {
    def found = null
    binding.setVariable('pipeline', { Closure body -> found = new Pipeline(build: build); Build.evaluate(body, found) })
    new GroovyShell(binding).evaluate(new File(args[0]))
    if (!found?.agent || !found.stages) throw new IllegalStateException('no pipeline with an agent and stages')
    found.stages.run(found.env, System.getenv('FIRST'))
} catch (IllegalStateException | MissingMethodException | MissingPropertyException |
    org.codehaus.groovy.control.CompilationFailedException e) {
    println(e.message)
    result = 'FAILURE'
} finally {
    build.folder.deleteDir()
}
println "RESULT $result"
System.exit(result == 'SUCCESS' ? 0 : 1)
