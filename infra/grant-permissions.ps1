<#
.SYNOPSIS
Grants an application rights in Microsoft Graph, by their names: for who deployed without the right to.

.DESCRIPTION
Sign in first with `az login`, as a Privileged Role Administrator. What is granted already is left as it is.

.PARAMETER Principal
The object id of Vizsla's identity (the deployment's output IDENTITY_PRINCIPAL_ID), or of its service principal in
another tenant.

.PARAMETER Rights
What to grant; hunting alone when left out.

.EXAMPLE
infra/grant-permissions.ps1 <object id> ThreatHunting.Read.All, SecurityAlert.Create.All, SecurityAlert.Read.All
#>
param(
    [Parameter(Mandatory)] [guid] $Principal,
    [string[]] $Rights = @('ThreatHunting.Read.All')
)
$ErrorActionPreference = 'Stop'

function Invoke-Az {
    $answer = az @args
    if ($LASTEXITCODE -ne 0) { throw "az $($args[0..1] -join ' ') failed." }
    $answer | Out-String | ConvertFrom-Json
}

$cloud = Invoke-Az cloud show --output json
$graph = "$($cloud.endpoints.microsoftGraphResourceId.TrimEnd('/'))/v1.0/servicePrincipals"
$offers = Invoke-Az ad sp show --id 00000003-0000-0000-c000-000000000000 --output json
$held = (Invoke-Az rest --method get --url "$graph/$Principal/appRoleAssignments" --output json).value

foreach ($right in $Rights) {
    # The id is asked for each time: clouds differ, and lists of ids in circulation are wrong.
    $role = $offers.appRoles | Where-Object { $_.value -eq $right -and $_.allowedMemberTypes -contains 'Application' }
    if (-not $role) {
        throw "${right}: this tenant's Microsoft Graph does not offer it. For SecurityAlert.Create.All take SecurityAlert.ReadWrite.All."
    }
    if ($held | Where-Object { $_.appRoleId -eq $role.id -and $_.resourceId -eq $offers.id }) {
        Write-Output "${right}: granted before"
        continue
    }
    # From a file: az on Windows mangles quotes in an argument.
    $body = New-TemporaryFile
    try {
        @{ principalId = "$Principal"; resourceId = $offers.id; appRoleId = $role.id } | ConvertTo-Json |
            Set-Content -Path $body
        Invoke-Az rest --method post --url "$graph/$Principal/appRoleAssignments" --headers Content-Type=application/json --body "@$body" --output json | Out-Null
    }
    finally {
        Remove-Item $body
    }
    Write-Output "${right}: granted"
}
