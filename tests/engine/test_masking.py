"""Secrets are masked by the grammars of the programs that take them; all else stays, to the character."""

import base64
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.masking import decoded, masked, texts
from engine.masking.grammars import PROGRAMS
from engine.masking.words import DEEPEST, commands
from tests.proof import examples

# «» stand around what has to go, and are no part of the line.
SECRETS = """
net user bob «P@ss» /add
net1 user bob «@#(*kjh@(@Jd» /add
net user /add bob «P@ss» /domain
net.exe user bob "«two words»" /add /fullname:"Bob Smith"
"C:\\Program Files\\x\\net.exe" user bob «$w!$$@rmy11» /add
C:\\Windows\\System32\\net.exe  users bob «P@ss»
net user bob «"a b"c» /add
net user bob "«two words
net use \\\\srv\\c$ /user:corp\\bob «pass»
net use \\\\srv\\c$ «pass» /user:corp\\bob
net use x: \\\\srv\\share «P@ss» /user:corp\\bob /persistent:yes
net use /user:bob \\\\srv\\c$ "«pa ss»"
cmd.exe /c net user bob «P@ss» /add & whoami
cmd /c "net user bob «P@ss» /add && net localgroup administrators bob /add"
"C:\\Windows\\system32\\cmd.exe" /c "schtasks /create /ru corp\\bob /rp «I-l1ke!» /tn "a task" /tr "x.exe" >nul 2>&1"
cmd /c n^et us^er bob «P@ss» /add
cmd /c net user bob 2>nul «P@ss» /add
powershell -c "net user bob '«pa ss»' /add; whoami"
powershell -Command "& {net user bob \\"«pa ss»\\" /add}"
powershell "whoami;net user bob «P@ss»"
schtasks /create /tn t /tr "cmd /c net user bob «P@ss» /add" /ru bob /rp «secret»
schtasks /query /s srv /u bob /p «secret»
wmic /node:srv /user:corp\\bob /password:«secret» process call create "cmd /c net user c «d» /add"
tasklist /s srv /u bob /p «secret»
psexec \\\\srv -u corp\\bob -p «secret» cmd /c netstat -p tcp
PsExec64.exe -accepteula \\\\a,b /u bob /p "«a secret»" -s powershell -c whoami
"cmd.exe" -u demo\\bob -p «secret» -accepteula
psexec \\\\srv -u bob -p «-secret» net use
winrs -r:srv -u:bob -p:«secret» whoami
cmdkey /add:srv /user:bob /pass:«secret»
sc.exe create x binPath= "c:\\x.exe -p 1" obj= corp\\bob password= «secret»
sc config x password=«secret»
netdom join pc /domain:corp /userd:bob /passwordd:«secret» /reboot
dsadd user CN=bob -pwd «secret» -mustchpwd yes
ldifde -f x -b bob corp «secret»
bitsadmin /setcredentials job server basic bob «secret»
certutil -p «secret» -importpfx x.pfx
netsh wlan set hostednetwork mode=allow ssid=x key=«secret»
reg add "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon" /v DefaultPassword /t REG_SZ /d «secret» /f
plink.exe -ssh bob@srv -pw «secret» -P 22
sshpass -p «secret» ssh -p 2222 bob@srv
sshpass -p«secret» ssh bob@srv
sqlcmd -S srv -U sa -P «secret» -Q "select 1"
bcp db.dbo.t out t.txt -S srv -U sa -P«secret»
sqlplus bob/«secret@db»
mysql -u root -p«SECRET» -P 3306 db
mysqldump --user=root --password=«secret» db
mysqladmin -u root password «secret»
redis-cli -h srv -a «secret» keys *
docker login -u bob -p «secret» registry
az login --service-principal -u app -p «secret» --tenant t
az login -u bob --password «secret»
aws configure set aws_secret_access_key «wJalrXUtnFEMI»
export AWS_SECRET_ACCESS_KEY=«wJalrXUtnFEMI»
cmd /c set PGPASSWORD=«secret»& psql -U bob
setx AZURE_CLIENT_SECRET «secret»
rar a -hp«secret» -r out.rar c:\\users
curl -u bob:«secret» https://srv/x
curl --user "bob:«a secret»" --proxy-user=p:«q» https://srv/x
curl -ubob:«secret» https://srv
curl -sku bob:«secret» https://srv
curl -H "Authorization: Bearer «abc.def»" https://srv
curl -H 'Authorization: Basic «Ym9iOnNlY3JldA==»' https://srv
curl -H "X-Api-Key: «abc»" -d "{\\"user\\":\\"bob\\",\\"password\\":\\"«secret»\\"}" https://srv
git clone https://bob:«ghp_x»@github.com/a/b.git
git clone https://«ghp_0123456789abcdefghijABCDEFGHIJ»@github.com/a/b.git
azcopy copy c:\\x "https://a.blob.core.windows.net/c?sv=2024&sp=r&sig=«abc%2Fdef%3D»&se=2027"
x.exe "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=«abc/def+g==»;EndpointSuffix=core.windows.net"
x.exe "Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=«abc=»"
sqlpackage /tcs:"Server=srv;User Id=sa;Password=«two words»;Encrypt=true"
x.exe "Pwd=«secret»;Server=srv"
x.exe Server=srv;Uid=sa;Pwd=«secret»;
x.exe "Driver={SQL};Pwd=«{a;b}»;Server=srv"
msiexec /i x.msi /qn SA_PASSWORD="«a secret»" PORT=1
x.exe /password:«secret» /quiet
x.exe --client-secret «secret» --quiet
ConvertTo-SecureString '«a secret»' -AsPlainText -Force
powershell -c "ConvertTo-SecureString -AsPlainText -String '«secret»' -Force"
powershell -c "'«a secret»' | ConvertTo-SecureString -AsPlainText -Force"
powershell -c "Set-ADAccountPassword bob -NewPassword (ConvertTo-SecureString -AsPlainText '«secret»' -Force)"
powershell -c "$password = '«a secret»'; New-SmbMapping -UserName bob -Password $password"
powershell New-SmbMapping -RemotePath \\\\srv\\c$ -UserName bob -Password «secret»
powershell -c "New-Object Net.NetworkCredential('bob','«secret»')"
powershell -c "Set-ItemProperty -Path HKLM:\\x -Name DefaultPassword -Value «secret»"
powershell iwr https://srv -Headers @{Authorization='Bearer «abcdef»'}
x.exe «eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl»
mimikatz "sekurlsa::pth /user:bob /domain:corp /ntlm:«cc36cf7a8514893efccd332446158b1a»" exit
secretsdump.py corp/bob:«P4ss»@10.0.0.1
nxc smb 10.0.0.0/24 -u bob -p «secret» --shares
""".strip().splitlines()

WHOLE = """
netstat -p tcp
netstat -ano -p tcp
svchost.exe -k netsvcs -p -s Schedule
net user
net user bob
net user bob *
net user bob /domain
net user bob /active:yes
net user bob /add /passwordreq:yes
net user administrator > C:\\x\\out.txt
cmd /c net user bob 2>nul
cmd /c net user bob /domain & whoami /all
net users /do
net accounts /domain
net group "Domain Admins" /domain
net localgroup administrators user bob /add
net use
net use x: /delete
net use \\\\srv\\ipc$ "" /user:""
psql --no-password db
x.exe -p secret
net use * /d /y
net use \\\\srv\\c$
net use x: \\\\srv\\c$ * /user:corp\\bob
net use m: \\\\srv\\c$ /USER:corp\\bob
net view \\\\srv
runas /savecred /user:corp\\bob "cmd /k whoami"
cmdkey /list
cmdkey /add:srv /user:bob /pass
schtasks /query /v /fo list
schtasks /create /tn t /tr x.exe /ru system /sc daily
schtasks /create /tn t /tr x.exe /ru bob /rp *
psexec \\\\srv -u corp\\bob cmd /c netstat -p tcp
psexec -accepteula -s reg save HKLM\\security x
procdump.exe -accepteula -ma lsass.exe x.dmp
sc query type= service
ssh -p 2222 bob@srv
docker run -u 1000 -p 8080:80 nginx
docker pull library/nginx:1.2@sha256:abcdef
mkdir -p a/b/c
mysql -u root -p db
mysql --password db
sqlcmd -S srv -E -Q "select 1" -p
curl -u bob https://srv
curl -o x -p https://srv:8443/x?mail=a@b
git clone ssh://git@github.com/a/b.git
findstr /si password *.txt
findstr /i "password=" "C:\\x y\\*.xml"
cmd /c "dir c:\\ /s /b | findstr password"
reg query HKLM /f password /t REG_SZ /s
reg query "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon" /v DefaultPassword
reg add HKCU\\Environment /v x /t REG_SZ /d "c:\\x.exe" /f
reg save HKLM\\security\\policy\\secrets x
wmic useraccount where(name='bob') set passwordexpires='false'
powershell -c "Get-ADUser bob -Properties PasswordLastSet,PasswordNeverExpires"
powershell -c "$password = Read-Host -AsSecureString; Set-LocalUser bob -Password $password"
powershell -c "ConvertTo-SecureString $plain -AsPlainText -Force"
powershell New-LocalUser bob -NoPassword
powershell -ep bypass -w hidden -enc VwByAGkAdABlAC0ASABvAHMAdAA=
powershell -c "[Convert]::FromBase64String('VwByAGkAdABlAC0ASABvAHMAdAA=')"
netsh wlan show profile name=x key=clear
nltest /dclist:corp
ntdsutil "ac i ntds" "ifm" "create full c:\\x" q q
vssadmin create shadow /for=C:
whoami /priv
ngen.exe install "System.Core, Version=4.0.0.0, PublicKeyToken=b77a5c561934e089" /NoDependencies
Teams.exe --type=renderer --service-pipe-token=12401668752361
echo it's a user's word
""".strip().splitlines()


@pytest.mark.parametrize("marked", SECRETS)
def test_what_a_grammar_tells_is_masked_and_all_else_stays(marked):
    line = marked.replace("«", "").replace("»", "")
    assert masked(line) == re.sub("«[^»]*»?", "***", marked)


@pytest.mark.parametrize("line", ["", " ", *WHOLE])
def test_an_ordinary_line_stays_whole(line):
    assert masked(line) == line


@pytest.mark.parametrize("marked", SECRETS)
def test_masking_twice_is_masking_once(marked):
    once = masked(marked.replace("«", "").replace("»", ""))
    assert masked(once) == once


def utf16(text):
    return base64.b64encode(text.encode("utf-16-le")).decode()


def utf8(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("line", "text"),
    [
        *((f"powershell.exe -nop {option} {utf16('whoami')}", "whoami") for option in ("-e", "-en", "-enc", "-ENCOD")),
        (f"powershell -EncodedCommand {utf16('whoami /all')}", "whoami /all"),
        (f"pwsh /enc {utf16('whoami')}", "whoami"),
        (f"powershell -ec {utf16('whoami')}", "whoami"),
        (f"powershell \u2013enc {utf16('whoami')}", "whoami"),
        (f"powershell \u2015e {utf16('whoami')}", "whoami"),
        (f'cmd /c "powershell -w hidden -enc {utf16("whoami")}"', "whoami"),
        (f"cmd /c po^wershell -e^nc {utf16('whoami')}", "whoami"),
        (f"renamed.exe -enc {utf16('whoami')}", "whoami"),
        (f"powershell -enc {utf16('whoami').rstrip('=')}", "whoami"),
        (f"powershell -enc {utf16('net user bob P@ss /add')}", "net user bob *** /add"),
        (f"powershell -enc {utf16('# été' + chr(0x202E) + ' ls')}", "# été\ufffd ls"),
        (f"powershell -c \"iex ([Convert]::FromBase64String('{utf8('Get-Process')}'))\"", "Get-Process"),
        (f'powershell -c "[Convert]::FromBase64String(\\"{utf16("Get-Process")}\\")"', "Get-Process"),
        (f"bash -c 'echo {utf8('cat /etc/passwd')} | base64 -d | sh'", "cat /etc/passwd"),
        (f"bash -c 'echo {utf8('id')}'", ""),
        (f"powershell -enc {utf16('a')} -enc {utf16('b')}", "a\nb"),
        ("powershell -ep bypass -File x.ps1", ""),
        ("powershell -e test", ""),
        ("powershell -enc", ""),
        ("powershell -enc ====", ""),
        ("powershell -enc %%%%", ""),
        ("powershell -enc /9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBk", ""),
        ("x.exe -exec dABlAHMAdAA=", ""),
        ("grep -e pattern file", ""),
        ("", ""),
    ],
)
def test_base64_is_decoded_beside(line, text):
    assert decoded(line) == text


def test_decoded_text_is_bounded():
    assert decoded(f"powershell -enc {utf16('ab' * 16_000)}") == "ab" * 2_000


PATTERNS = [
    *('" ', "' ", '\\"', '\\" ', '"" ', "'' ", " 'a", "'a''b ", "-p ", "-p", "/p:", "--password ", "=\"' "),
    *("password=", "password='", "pwd=;", ";pwd=", "'password=", "$pass=", "token", "://a:", "a/b:", "?sig=", "sig="),
    *("bearer ", "authorization: basic ", "eyJ", "eyJaaaaaaaaaa.", "ghp_", "x-", "networkcredential('", "/ntlm:"),
    *("'a'|", '"a" | convertto-', "cmd /c ", 'cmd /c "', "net user ", "net use ", "reg add ", "az login ", "setx "),
    *("powershell -c '", 'powershell -c "', "psexec ", "-enc ", "-enc AAAA ", "base64 -d ", "2>&1 ", "&1 "),
    *("frombase64string('", "frombase64string('A", "curl -u a:", "mysql -p"),
]


def read_few_times(line):
    """The words of all levels together: no length of the line is read more often than there are levels."""
    read = sum(word.end - word.start for command in commands(line) for word in command)
    assert read <= (DEEPEST + 1) * len(line)
    once = masked(line)
    assert masked(once) == once
    assert len(decoded(line)) <= 4_000


@pytest.mark.parametrize("sign", [*"\"' \\/-^`&|;<>(){}=:@?.,$*a0\n\0\u2013", "-p", '" ', "' "], ids=repr)
def test_a_long_line_of_one_sign_is_read_a_few_times_and_no_more(sign):
    read_few_times(sign * (32_000 // len(sign)))


@pytest.mark.property
@pytest.mark.parametrize("shell", ["", "cmd ", "powershell "])
@pytest.mark.parametrize("piece", PATTERNS)
def test_a_long_line_of_what_grammars_begin_with_is_read_a_few_times_and_no_more(piece, shell):
    read_few_times(shell + piece * (examples(quick=2_000, full=32_000) // len(piece)))


def gives_back(pattern):
    """The quantifiers of a pattern that have no bound and are not possessive."""
    plain = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*+\]", "x", pattern)
    return re.findall(r"(?:[*+]|\{\d+,\})(?!\+)(?<!\+\+)(?<!\*\+)(?<!\}\+)", plain)


@pytest.mark.parametrize("pattern", [*texts.LINE, *texts.WORD], ids=lambda pattern: pattern.pattern[:30])
def test_no_pattern_gives_back_what_it_took_without_bound(pattern):
    assert gives_back(pattern.pattern) == []


@pytest.mark.parametrize("pattern", ["a+b", "a*", "[a+]+b", "a{2,}", "(a|b)*c", r"\++b+"])
def test_a_pattern_that_gives_back_is_told(pattern):
    assert gives_back(pattern) != []


PIECES = [
    *"\"'\\ ^`&|;<>(){}=:/-*@$%,.\n",
    *(" ", '" ', ' "', "' ", " '", '\\"', "***", "-p", "-p ", "/p:", " -pw ", "/user:", "--password=", "-enc ", "2>"),
    *(
        "net user ",
        "net use \\\\s\\c ",
        "psexec ",
        "cmd /c ",
        'cmd /c "',
        "powershell -c ",
        "mysql ",
        "curl -u ",
        "sc ",
    ),
    *("Password=", "pwd=", ";Pwd=", "Bearer ", "Authorization: Basic ", "https://a:", "?sig=", "eyJ", "AccountKey="),
    *(
        "password",
        '"password":"',
        "$pass='",
        "ConvertTo-SecureString ",
        "reg add /v password /d ",
        "az login ",
        "bob",
        "é",
    ),
]
HOSTILE = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=24).map("".join))


@pytest.mark.property
@settings(max_examples=examples(quick=100, full=1_000), deadline=None)
@given(HOSTILE)
def test_hostile_text_is_masked_once_and_for_all(line):
    once = masked(line)
    assert masked(once) == once
    kept = ".*".join(re.escape(part) for part in once.split("***"))
    assert re.fullmatch(kept, line, re.DOTALL)
    assert len(decoded(line)) <= 4_000


@pytest.mark.property
@settings(max_examples=examples(quick=100, full=1_000), deadline=None)
@given(
    st.sampled_from(
        [
            "net user bob {} /add",
            "net use x: \\\\srv\\c$ /user:corp\\bob {}",
            "psexec \\\\srv -u bob -p {} cmd",
            "x.exe /password:{} /quiet",
            'cmd /c "net user bob "{}" /add"',
            'schtasks /create /rp {} /tr "cmd /c x"',
            "plink -pw {} bob@srv",
            "mysql -u root -p{} db",
            "curl -u bob:{} https://srv",
        ]
    ),
    st.text("abcXYZ0189!#$%()*+,-./:;<=>?@[]_{|}~é&", min_size=1, max_size=24),
)
@example("net user bob {} /add", "net")
@example("psexec \\\\srv -u bob -p {} cmd", "netstat")
def test_a_secret_goes_whatever_its_letters(template, secret):
    secret = f"s3{secret}"
    assert masked(template.format(secret)) == template.format("***")


@pytest.mark.property
@settings(max_examples=examples(quick=100, full=1_000), deadline=None)
@given(
    st.sampled_from(["netstat", "ping", "svchost.exe", "robocopy", "xcopy", "nmap", "ssh", "C:\\x\\agent.exe", "tar"]),
    st.lists(st.sampled_from(["-p", "-u", "/rp", "-pw", "/d", "-P", "user", "use", "tcp", "22", "a:b", '"a b"', ">x"])),
)
def test_the_options_of_other_programs_stay(program, words):
    line = " ".join([program, *words])
    assert masked(line) == line


@pytest.mark.property
@settings(max_examples=examples(quick=100, full=1_000), deadline=None)
@given(st.text(st.characters(codec="utf-16", categories=["L", "N", "P", "Zs"]), max_size=5_000))
def test_any_text_that_is_encoded_is_decoded_or_left_out(text):
    shown = decoded(f"powershell -enc {utf16(text)}")
    printed = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:4_000])
    assert shown in {"", masked(printed)[:4_000]}


def test_every_grammar_names_its_programs_as_words_do():
    assert [name for name in PROGRAMS if name != name.lower() or name.endswith(".exe")] == []
