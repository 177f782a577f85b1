package detect_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/generator/tree"
	"github.com/kitout/kitout/templates"
)

// answered are repositories of a few files, and the answers that `kitout add` is to find in them; "" for none.
var answered = []struct {
	name  string
	files map[string]string // path and content, besides those of base
	base  map[string]string
	want  map[string]string
}{
	{"asyncpg", map[string]string{"requirements.txt": "fastapi\nsqlalchemy\nasyncpg\n"}, fastAPI, map[string]string{
		detect.URLScheme: "postgresql+asyncpg", detect.Migrate: "", detect.Test: "", detect.SettingsModule: "",
	}},
	{"asyncpg for sessions, psycopg2 for migrations", map[string]string{
		"requirements.txt": "fastapi\nsqlalchemy\nasyncpg\npsycopg2-binary\n",
		"db.py":            "import os\nfrom sqlalchemy.ext.asyncio import create_async_engine\nengine = create_async_engine(os.environ['DATABASE_URL'])\n",
	}, fastAPI, map[string]string{detect.URLScheme: "postgresql+asyncpg"}},
	{"asyncpg without SQLAlchemy", map[string]string{"requirements.txt": "fastapi\nasyncpg\n"}, fastAPI, map[string]string{detect.URLScheme: ""}},
	{"asyncpg for developers", map[string]string{"requirements.txt": "fastapi\nsqlalchemy\npsycopg2\n", "requirements-dev.txt": "asyncpg\n"}, fastAPI,
		map[string]string{detect.URLScheme: ""}},
	{"the URL is built", map[string]string{
		"requirements.txt": "fastapi\nsqlalchemy\nasyncpg\n", "db.py": "url = f\"postgresql+asyncpg://{user}:{password}@{host}/shop\"\n",
	}, fastAPI, map[string]string{detect.URLScheme: ""}},
	{"the URL is rewritten", map[string]string{
		"requirements.txt": "fastapi\nsqlalchemy\nasyncpg\n", "db.py": "url = url.replace('postgresql://', 'postgresql+asyncpg://')\n",
	}, fastAPI, map[string]string{detect.URLScheme: ""}},
	{"the driver is appended", map[string]string{
		"requirements.txt": "fastapi\nsqlalchemy\nasyncpg\n", "db.py": "url = url.replace('://', '+asyncpg://')\n",
	}, fastAPI, map[string]string{detect.URLScheme: ""}},
	{"only the old spelling is rewritten", map[string]string{
		"requirements.txt": "fastapi\nsqlalchemy\nasyncpg\n", "db.py": "url = url.replace('postgres://', 'postgresql+asyncpg://')\n",
	}, fastAPI, map[string]string{detect.URLScheme: "postgresql+asyncpg"}},
	{"a default of the URL", map[string]string{
		"requirements.txt": "fastapi\nsqlalchemy\npg8000\n",
		"db.py":            "import os\nurl = os.getenv('DATABASE_URL', 'postgresql+pg8000://shop:shop@localhost/shop')\n",
	}, fastAPI, map[string]string{detect.URLScheme: "postgresql+pg8000"}},
	{"psycopg", map[string]string{"requirements.txt": "flask\nflask-sqlalchemy\npsycopg[binary]\n"}, flask,
		map[string]string{detect.URLScheme: "postgresql+psycopg"}},
	{"psycopg2", map[string]string{"requirements.txt": "flask\nsqlalchemy\npsycopg2-binary\n"}, flask, map[string]string{detect.URLScheme: ""}},
	{"pymysql", map[string]string{"requirements.txt": "flask\nsqlalchemy\npymysql\n"}, flask, map[string]string{detect.URLScheme: "mysql+pymysql"}},
	{"pymysql as MySQLdb", map[string]string{
		"requirements.txt": "flask\nsqlalchemy\npymysql\n", "db.py": "import pymysql\npymysql.install_as_MySQLdb()\n",
	}, flask, map[string]string{detect.URLScheme: ""}},
	{"mysqlclient", map[string]string{"requirements.txt": "flask\nsqlalchemy\nmysqlclient\n"}, flask, map[string]string{detect.URLScheme: ""}},
	{"aiomysql brings pymysql", map[string]string{"requirements.txt": "fastapi\nsqlalchemy\naiomysql\npymysql\n"}, fastAPI,
		map[string]string{detect.URLScheme: "mysql+aiomysql"}},
	{"asyncmy", map[string]string{"requirements.txt": "fastapi\nsqlmodel\nasyncmy\n"}, fastAPI, map[string]string{detect.URLScheme: "mysql+asyncmy"}},
	{"aiosqlite", map[string]string{"requirements.txt": "fastapi\nsqlalchemy\naiosqlite\n"}, fastAPI, map[string]string{detect.URLScheme: "sqlite+aiosqlite"}},
	{"Django names its driver", map[string]string{"requirements.txt": "django\nsqlalchemy\npsycopg[binary]\n"}, django, map[string]string{
		detect.URLScheme: "", detect.Migrate: "python manage.py migrate --noinput", detect.SettingsModule: "shop.settings", detect.Test: "",
	}},

	{"Alembic", map[string]string{"alembic.ini": "[alembic]\nscript_location = migrations\n"}, fastAPI, map[string]string{detect.Migrate: "alembic upgrade head"}},
	{"Alembic in a folder", map[string]string{"db/alembic.ini": "[alembic]\nscript_location = %(here)s/migrations\n"}, fastAPI,
		map[string]string{detect.Migrate: "alembic -c db/alembic.ini upgrade head"}},
	{"Alembic from a folder", map[string]string{"db/alembic.ini": "[alembic]\nscript_location = migrations\n"}, flask,
		map[string]string{detect.Migrate: "env -C db alembic upgrade head"}},
	{"Flask-Migrate", map[string]string{
		"migrations/env.py": "from flask import current_app\n", "migrations/alembic.ini": "[alembic]\n",
	}, flask, map[string]string{detect.Migrate: "flask --app shop:create_app() db upgrade"}},
	{"Flask-Migrate elsewhere", map[string]string{
		"shop/migrations/env.py": "from flask import current_app\n", "shop/migrations/alembic.ini": "[alembic]\n", "shop/migrations/script.py.mako": "",
	}, flask, map[string]string{detect.Migrate: "flask --app shop:create_app() db upgrade --directory shop/migrations"}},

	{"production's settings", map[string]string{
		"shop/settings/__init__.py": "", "shop/settings/base.py": "", "shop/settings/local.py": "", "shop/settings/production.py": "from .base import *\n",
	}, django, map[string]string{detect.SettingsModule: "shop.settings.production"}},
	{"settings that the container sets", map[string]string{
		"shop/settings/__init__.py": "", "shop/settings/live.py": "", "Dockerfile": "FROM python:3.13\nENV DJANGO_SETTINGS_MODULE=shop.settings.live\n",
		"shop/wsgi.py": "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
	}, django, map[string]string{detect.SettingsModule: "shop.settings.live"}},

	{"static files elsewhere", map[string]string{"shop/config.py": "STATIC_ROOT = '/var/www/static'\n"}, flask, map[string]string{detect.Static: ""}},
	{"static files that are gathered", map[string]string{"shop/config.py": "STATIC_ROOT = BASE / 'staticfiles'\n"}, flask, map[string]string{detect.Static: ""}},
	{"static files beside the module", map[string]string{
		"shop/config.py": "STATIC_FOLDER = 'assets'\n", "shop/assets/shop.css": "",
	}, flask, map[string]string{detect.Static: "shop/assets"}},
	{"the framework's own folder", map[string]string{"shop/static/shop.css": ""}, flask, map[string]string{detect.Static: "shop/static"}},
	{"no folder", nil, flask, map[string]string{detect.Static: ""}},

	{"pytest", map[string]string{"requirements-dev.txt": "pytest\n", "tests/test_shop.py": "def test(): pass\n"}, flask, map[string]string{detect.Test: "python -m pytest"}},
	{"pytest without tests", map[string]string{"requirements-dev.txt": "pytest\n"}, flask, map[string]string{detect.Test: ""}},
	{"pytest with Django", map[string]string{
		"requirements-dev.txt": "pytest-django\n", "shop/tests.py": "from django.test import TestCase\n",
	}, django, map[string]string{detect.Test: "python -m pytest"}},
	{"Django's runner", map[string]string{"shop/tests.py": "from django.test import TestCase\n"}, django, map[string]string{detect.Test: "python manage.py test"}},
	{"unittest in a package", map[string]string{
		"tests/__init__.py": "", "tests/test_shop.py": "import unittest\nclass T(unittest.TestCase): pass\nunittest.main()\n",
	}, flask, map[string]string{detect.Test: "python -m unittest discover"}},
	{"unittest in a folder", map[string]string{"tests/test_shop.py": "import unittest\nclass T(unittest.TestCase): pass\nunittest.main()\n"}, flask,
		map[string]string{detect.Test: "python -m unittest discover tests"}},
}

var (
	fastAPI = map[string]string{"requirements.txt": "fastapi\n", "main.py": "from fastapi import FastAPI\napp = FastAPI()\n"}
	flask   = map[string]string{
		"requirements.txt": "flask\n", "shop/__init__.py": "from flask import Flask\ndef create_app():\n    return Flask(__name__)\n",
	}
	django = map[string]string{
		"requirements.txt": "django\n", "shop/__init__.py": "", "shop/settings.py": "DEBUG = False\n",
		"shop/wsgi.py": "import os\nfrom django.core.wsgi import get_wsgi_application\n" +
			"os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\napplication = get_wsgi_application()\n",
		"manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n" +
			"from django.core.management import execute_from_command_line\n",
	}
)

// TestAnswers finds the answers that signs give, and none where there is none.
func TestAnswers(t *testing.T) {
	t.Parallel()
	catalog, err := generator.LoadCatalog(templates.FS)
	must(t, err)
	for _, tt := range answered {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := fstest.MapFS{}
			for _, set := range []map[string]string{tt.base, tt.files} {
				for name, text := range set {
					files[name] = &fstest.MapFile{Data: []byte(text)}
				}
			}
			read, err := tree.Read(files)
			must(t, err)
			findings, err := detect.Detect(read, ".", catalog)
			must(t, err)
			for key, want := range tt.want {
				fact := findings.Facts[key]
				if got := findings.Value(key); got != want {
					t.Errorf("%s: got %q, want %q (%v; database %v, tests %v)", key, got, want, fact, findings.Value("database"), findings.Value("tests"))
				}
				if want != "" && (len(fact.Evidence) == 0 || fact.Evidence[0].Path == "" || fact.Tied()) {
					t.Errorf("%s: evidence %v, rivals %v", key, fact.Evidence, fact.Rivals)
				}
			}
		})
	}
}

// TestAnswersArePlain takes no word from a repository into a command that a shell would change.
func TestAnswersArePlain(t *testing.T) {
	t.Parallel()
	catalog, err := generator.LoadCatalog(templates.FS)
	must(t, err)
	files := fstest.MapFS{}
	for name, text := range fastAPI {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	files["a $(b)/alembic.ini"] = &fstest.MapFile{Data: []byte("[alembic]\nscript_location = x\n")}
	read, err := tree.Read(files)
	must(t, err)
	findings, err := detect.Detect(read, ".", catalog)
	must(t, err)
	if got := findings.Value(detect.Migrate); strings.ContainsAny(got, "$ ") || got != "" {
		t.Errorf("%q", got)
	}
}
