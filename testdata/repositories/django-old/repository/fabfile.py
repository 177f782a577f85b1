from fabric.api import run

def deploy():
    run('git pull && pip install -r requirements/prod.txt')
